//! `--plant`: single fields of a release's behaviour, set to another alternative.

use gateway_core::behavior::Behavior;

use sim_scenario::Scenario;

#[derive(clap::Args)]
pub(super) struct Plants {
    /// Plant a bug: set a field of the release's behaviour to another alternative, as `grace.expiry=one_shot`.
    /// Repeatable; `sim behavior` lists fields and alternatives [default: none]
    #[arg(
        long = "plant",
        aliases = ["behavior", "set", "bug"],
        value_name = "FIELD=ALTERNATIVE",
        value_parser = parse
    )]
    plants: Vec<(String, String)>,
}

impl Plants {
    /// The fields and their alternatives, each field once, in the order of the command line.
    pub(super) fn list(&self) -> Vec<(String, String)> {
        let mut list = Vec::new();
        for plant in &self.plants {
            set(&mut list, plant);
        }
        list
    }

    /// Plants the bugs in a scenario. They replace the values of the same fields in its `[behavior]` table.
    pub(super) fn plant(&self, scenario: &mut Scenario) {
        self.plants.iter().for_each(|plant| set(&mut scenario.behavior, plant));
    }

    /// The flags that plant the bugs again, each preceded by a blank.
    pub(super) fn flags(&self) -> String {
        self.list().iter().map(|(field, alternative)| format!(" --plant {field}={alternative}")).collect()
    }
}

fn set(list: &mut Vec<(String, String)>, plant: &(String, String)) {
    list.retain(|(field, _)| *field != plant.0);
    list.push(plant.clone());
}

/// Reads `FIELD=ALTERNATIVE`. All releases have the same fields and alternatives.
pub(super) fn parse(text: &str) -> Result<(String, String), String> {
    let (field, alternative) = text.split_once('=').ok_or("expected FIELD=ALTERNATIVE, as `grace.expiry=one_shot`")?;
    let set = Behavior::default().set(field, alternative);
    set.map(|()| (field.to_owned(), alternative.to_owned())).map_err(|error| error.to_string())
}
