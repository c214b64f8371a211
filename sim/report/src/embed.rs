//! Data inside a page.

use serde::Serialize;

/// JSON that can stand in a `script` element: nothing in it ends the element or begins a comment.
pub(crate) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).expect("plain data is JSON");
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a scenario or a frame cannot leave its element, and is the same when it is read.
    #[test]
    fn no_text_ends_the_element() {
        let text = "</script><!-- <script> & \u{2028} 'ü'";
        let embedded = json(&text);
        assert!(!embedded.contains(['<', '>', '&']), "{embedded}");
        assert_eq!(serde_json::from_str::<String>(&embedded).expect("JSON"), text);
    }
}
