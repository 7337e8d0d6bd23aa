//! Where the comments of the Verilog come from: the doc comments of the Rust source.
//!
//! A module is found by the name its kernel gives it, a port by the field that declares it. This reads Rust as text, line
//! by line, as rustfmt lays it out; what it does not find stays without a comment, and a test asks for completeness.

/// The source of a module and what its doc comments say.
#[derive(Debug, Default)]
pub(crate) struct ModuleDocs {
    /// The file, by its path in the repository.
    pub file: Option<String>,
    /// The first paragraph of the file's header.
    pub summary: String,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    kind: String,
    doc: String,
}

/// Finds the docs of the module called `name`.
pub(crate) fn module_docs(sources: &[(String, String)], name: &str) -> ModuleDocs {
    let by_kernel = format!("comment!(\"module {name}\")");
    let by_primitive = format!("Primitive::module(\"{name}\"");
    for (file, text) in sources {
        let Some(at) = text.find(&by_kernel).or_else(|| text.find(&by_primitive)) else { continue };
        // rustfmt puts `for` on the next line where there are many parameters.
        let implemented = |found: usize| text[found + "Logic".len()..].trim_start().strip_prefix("for ");
        let fields = text[..at].rmatch_indices("Logic").find_map(|(found, _)| {
            let rest = implemented(found)?;
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            fields(text, &rest[..end])
        });
        return ModuleDocs {
            file: Some(file.clone()),
            summary: header(text),
            fields: fields.unwrap_or_default(),
        };
    }
    ModuleDocs::default()
}

impl ModuleDocs {
    /// What the source says about the field at the start of this path.
    pub fn field(&self, path: &str) -> String {
        let name = path.split('$').next().unwrap_or(path);
        self.fields.iter().find(|field| field.name == name).map(|field| field.doc.clone()).unwrap_or_default()
    }

    /// What the source says about the signal with this path, `up$valid`; empty if nothing.
    pub fn signal(&self, sources: &[(String, String)], path: &str) -> String {
        let mut parts = path.split('$').filter(|part| !part.starts_with(|c: char| c.is_ascii_digit()));
        let Some(first) = parts.next() else { return String::new() };
        let Some(mut field) = self.fields.iter().find(|field| field.name == first).cloned() else {
            return String::new();
        };
        let mut doc = field.doc.clone();
        for part in parts {
            // A bundle of signals: what it is for, then what this signal of it is.
            let inner = sources.iter().find_map(|(_, text)| fields(text, &field.kind));
            let Some(found) = inner.and_then(|fields| fields.into_iter().find(|field| field.name == part))
            else {
                return doc;
            };
            field = found;
            doc = match (doc.strip_suffix('.').unwrap_or(&doc), field.doc.as_str()) {
                ("", doc) => doc.to_owned(),
                (doc, "") => doc.to_owned(),
                (doc, inner) => format!("{doc}: {}", lower_first(inner)),
            };
        }
        doc
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// The first paragraph of a file's `//!` header.
fn header(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    plain(&lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

/// The fields of `struct name`, with the first paragraph of their docs.
fn fields(text: &str, name: &str) -> Option<Vec<Field>> {
    let mut lines = text.lines();
    lines.find(|line| {
        let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        line.strip_prefix("struct ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with(['<', ' ', '{']) && rest.trim_end().ends_with('{'))
    })?;
    let mut fields = vec![];
    let mut doc: Vec<&str> = vec![];
    let mut paragraph_over = false;
    for line in lines {
        let line = line.trim();
        if line == "}" {
            break;
        }
        if let Some(text) = line.strip_prefix("///") {
            let text = text.trim();
            paragraph_over |= text.is_empty();
            if !paragraph_over {
                doc.push(text);
            }
        } else if let Some((name, kind)) = line.split_once(':').filter(|_| !line.starts_with(['#', '/'])) {
            let name = name.rsplit(' ').next().unwrap_or(name);
            // `[StreamSink<T>; 4]` and `StreamSink<T>` are both about StreamSink.
            let kind = kind.trim().trim_start_matches('[');
            let end = kind.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(kind.len());
            let doc = plain(&std::mem::take(&mut doc).join(" "));
            fields.push(Field { name: name.to_owned(), kind: kind[..end].to_owned(), doc });
            paragraph_over = false;
        }
    }
    Some(fields)
}

/// Markdown as plain text: no code marks, no link brackets.
fn plain(text: &str) -> String {
    text.replace("[`", "").replace("`]", "").replace('`', "")
}

/// `text` as `//` lines of at most `width` columns.
pub(crate) fn comment(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent.len() + 4 + line.len() + word.len() > width {
            lines += &format!("{indent}// {line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    if !line.is_empty() {
        lines += &format!("{indent}// {line}\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_ports_and_bundles() {
        let sources: Vec<(String, String)> = [(
            "a.rs",
            "//! A block\n//! of two lines.\n//!\n//! More.\n\
             pub struct End<T> {\n    /// An entry is offered.\n    pub valid: Signal<Out, Bit>,\n}\n\
             pub struct Two<T: Synth> {\n    /// Towards [`Three`].\n    ///\n    /// Details.\n    pub up: [End<T>; 2],\n}\n\
             impl<T: Synth> Logic for Two<T> {\n    comment!(\"module two\");\n}\n",
        )]
        .map(|(file, text)| (file.to_owned(), text.to_owned()))
        .to_vec();
        let docs = module_docs(&sources, "two");
        assert_eq!(docs.file.as_deref(), Some("a.rs"));
        assert_eq!(docs.summary, "A block of two lines.");
        assert_eq!(docs.signal(&sources, "up$1$valid"), "Towards Three: an entry is offered.");
        assert_eq!(docs.signal(&sources, "down"), "");
    }
}
