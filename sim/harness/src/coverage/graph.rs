//! The reached part of the lifecycle as a graph in Graphviz or Mermaid.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Coverage;

/// The language in which a graph is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The `digraph` language of Graphviz.
    Dot,
    /// A `stateDiagram-v2` of Mermaid, which many code-hosting sites draw.
    Mermaid,
}

impl Coverage {
    /// Writes the graph. A node is a stage; open sessions have a node for each client state and phase. An edge lists
    /// the tasks that took it. Edges within one node are left out.
    pub fn graph(&self, form: Form) -> String {
        let arrows = self.arrows();
        match form {
            Form::Dot => dot(&arrows),
            Form::Mermaid => mermaid(&arrows),
        }
    }

    /// The edges of the graph: for each pair of nodes the tasks that went from one to the other, and how often.
    pub fn arrows(&self) -> Arrows<'_> {
        let mut arrows: Arrows<'_> = BTreeMap::new();
        for (edge, count) in self.edges() {
            let from = edge.from.map_or_else(|| "new".to_owned(), |state| state.node());
            let to = edge.to.node();
            if from != to {
                *arrows.entry((from, to)).or_default().entry(edge.by.word()).or_default() += count;
            }
        }
        arrows
    }
}

/// Between two nodes, the tasks that made the transition with their counts.
pub type Arrows<'a> = BTreeMap<(String, String), BTreeMap<&'a str, u64>>;

fn dot(arrows: &Arrows<'_>) -> String {
    let mut text = "digraph lifecycle {\n    rankdir=LR\n    node [shape=box]\n".to_owned();
    for ((from, to), tasks) in arrows {
        writeln!(text, "    \"{from}\" -> \"{to}\" [label=\"{}\"]", label(tasks)).expect("a string takes all");
    }
    text + "}\n"
}

fn mermaid(arrows: &Arrows<'_>) -> String {
    let name = |node: &str| node.replace(' ', "_");
    let mut text = "stateDiagram-v2\n".to_owned();
    for ((from, to), tasks) in arrows {
        writeln!(text, "    {} --> {}: {}", name(from), name(to), label(tasks)).expect("a string takes all");
    }
    text
}

fn label(tasks: &BTreeMap<&str, u64>) -> String {
    tasks.keys().copied().collect::<Vec<_>>().join(", ")
}
