//! QEMU's answers in the form in which they are compared.

use serde_json::Value;

/// What the names of nodes end with that a job puts above the node it works on.
pub(super) const FILTER: &str = "-job";

/// The text of an error. Three things in it are names that each side has its own of:
///
/// - An image is called by the node whose image it is: QEMU writes a path, or `json:{…}` with the path of
///   its file in it; the file is named after the node.
/// - Another volume's node has a number behind its name.
/// - The filter of an operator's job is called by the node that it filters.
///
/// Of a conflict of permissions only the node is compared: who is in whose way is told in words that
/// changed from version to version. And what an operator's command is told of a name depends on which of
/// several commands of the monitor it is: it is compared as what it means.
pub(super) fn error(text: &str) -> String {
    let text = match text.split_once(": permissions ") {
        Some((conflict, _)) => conflict,
        None => meaning(text).unwrap_or(text),
    };
    without_volume(&without_description(text).replace(&format!("{FILTER}'"), "'"))
}

/// What an operator's command was told of a name.
fn meaning(text: &str) -> Option<&'static str> {
    let meanings: [(&[&str], &str); 5] = [
        (&["Duplicate ", "already in use"], "that name is taken"),
        (&["Block job '", "Job '"], "there is no such job"),
        (&["nor node-name=", "can't find value '"], "there is no such node"),
        (&["Block node is read-only", "Cannot export read-only"], "the node is read-only"),
        (&["Device '", "Export '"], "there is no such user"),
    ];
    let meant = |(parts, _): &&(&[&str], &str)| parts.iter().any(|part| text.contains(part));
    let found = meanings.iter().find(meant).filter(|_| !text.contains("is busy"));
    found.map(|(_, meaning)| *meaning)
}

fn without_volume(text: &str) -> String {
    let mut words = text;
    let mut plain = String::new();
    while let Some(at) = words.find('.') {
        let (before, after) = words.split_at(at);
        plain.push_str(before);
        let digits = after[1..].bytes().take_while(u8::is_ascii_digit).count();
        let ends = after[1 + digits..].starts_with('\'') || after[1 + digits..].starts_with(' ');
        let skipped = if digits > 0 && ends { 1 + digits } else { 0 };
        if skipped == 0 {
            plain.push('.');
        }
        words = &after[skipped.max(1)..];
    }
    plain + words
}

/// `Failed to empty json:{…}: why` and `Failed to empty /some/where/hidden.img: why` as
/// `Failed to empty hidden: why`.
fn without_description(text: &str) -> String {
    const BEFORE: &str = "Failed to empty ";
    let Some(rest) = text.strip_prefix(BEFORE) else { return text.to_owned() };
    let Some((image, why)) = rest.rsplit_once(": ") else { return text.to_owned() };
    let file = match image.strip_prefix("json:") {
        Some(description) => serde_json::from_str(description).ok().and_then(|d| file_of(&d)),
        None => Some(image.to_owned()),
    };
    match file {
        Some(file) => {
            let name = file.rsplit('/').next().unwrap_or_default();
            let name = name.split('.').next().unwrap_or_default();
            format!("{BEFORE}{name}: {why}")
        }
        None => text.to_owned(),
    }
}

/// The file name at the end of a chain of `file` and `image`.
fn file_of(description: &Value) -> Option<String> {
    if let Some(name) = description.get("filename") {
        return name.as_str().map(str::to_owned);
    }
    file_of(description.get("file").or_else(|| description.get("image"))?)
}

/// What `qemu-io` said of a request: `ok`, or why it failed.
pub(super) fn request(printed: &str) -> String {
    for line in printed.lines() {
        if let Some((_, why)) = line.split_once(" failed: ") {
            return why.to_owned();
        }
    }
    let done = |line: &str| line.contains(" bytes at offset ");
    match printed.lines().any(done) {
        true => "ok".to_owned(),
        false if printed.is_empty() => "ok".to_owned(),
        false => printed.trim().to_owned(),
    }
}

/// The bytes of `read -v`, if it succeeded.
pub(super) fn dump(printed: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in printed.lines() {
        let Some((address, rest)) = line.split_once(":  ") else { continue };
        if address.is_empty() || !address.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let words = rest.split(' ').take(16);
        bytes.extend(words.map_while(|word| u8::from_str_radix(word, 16).ok()));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_by_its_node() {
        let json = r#"Failed to empty json:{"backing": {"driver": "raw", "file": {"driver": "file", "filename": "secondary.raw"}}, "driver": "qcow2", "file": {"driver": "raw", "file": {"driver": "file", "filename": "hidden.img"}}}: No space left on device"#;
        assert_eq!(error(json), "Failed to empty hidden: No space left on device");
        let path = "Failed to empty /tmp/x.y/active.img: Input/output error";
        assert_eq!(error(path), "Failed to empty active: Input/output error");
        let fault = r#"Failed to empty json:{"driver": "qcow2", "file": {"driver": "raw", "file": {"driver": "blkdebug", "image": {"driver": "file", "filename": "active.1.img"}}}}: Input/output error"#;
        assert_eq!(error(fault), "Failed to empty active: Input/output error");
    }

    #[test]
    fn the_number_of_a_volume_goes() {
        assert_eq!(error("Node 'hidden.1' is busy: block.x"), "Node 'hidden' is busy: block.x");
        assert_eq!(error("version 1.5, node a.12 b"), "version 1.5, node a b");
    }

    #[test]
    fn a_request_says_why_it_failed() {
        assert_eq!(request("write failed: Input/output error\n"), "Input/output error");
        assert_eq!(request("wrote 512/512 bytes at offset 0\n512 bytes, 1 ops\n"), "ok");
        assert_eq!(request(""), "ok");
    }

    #[test]
    fn a_dump_is_its_bytes() {
        let text = "00000000:  11 11 11 11 22 22 22 22 00 00 00 00 33 33 33 33  ....\"\"\"\"....3333\n\
                    00000010:  44 44  DD\nread 18/18 bytes at offset 0\n";
        let bytes = dump(text);
        assert_eq!(bytes.len(), 18);
        assert_eq!(bytes[4..6], [0x22, 0x22]);
        assert_eq!(bytes[16..], [0x44, 0x44]);
    }
}
