//! XML 1.0: an element a row, a line each; in it an element for each column, in their order.

use std::borrow::Cow;
use std::io::{self, Write};

use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::{Appendix, Cell, Column, Frame, Kind, Out, Sink, Table, Value, truth, unique_names, xml_text};

/// What tells a NULL from an empty text: `<email xsi:nil="true"/>`.
const XSI: (&str, &str) = ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
const NIL: (&str, &str) = ("xsi:nil", "true");

/// The elements of a row.
struct Fields {
    names: Vec<String>,
    kinds: Vec<Kind>,
}

impl Fields {
    fn of(columns: &[Column]) -> Self {
        Self { names: element_names(columns), kinds: columns.iter().map(|column| column.kind).collect() }
    }

    fn write<'c, W: Write>(
        &self,
        element: &str,
        row: impl Iterator<Item = Cell<'c>>,
        out: &mut quick_xml::Writer<W>,
    ) -> io::Result<()> {
        out.write_event(Event::Start(BytesStart::new(element)))?;
        for ((name, kind), cell) in self.names.iter().zip(&self.kinds).zip(row) {
            write_cell(name, None, *kind, &cell, out)?;
        }
        close(element, out)
    }
}

pub(super) struct Writer<'a> {
    out: quick_xml::Writer<&'a mut dyn Out>,
    fields: Fields,
    /// The element around all of it, of a framed table.
    root: Option<&'static str>,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(frame: Option<&Frame>, columns: &[Column], out: &'a mut dyn Out) -> io::Result<Self> {
        let mut out = quick_xml::Writer::new(out);
        out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        out.get_mut().write_all(b"\n")?;
        match frame {
            None => open(BytesStart::new("rows").with_attributes([XSI]), &mut out)?,
            Some(frame) => {
                head(frame, &mut out)?;
                open(BytesStart::new("rows"), &mut out)?;
            }
        }
        Ok(Self { out, fields: Fields::of(columns), root: frame.map(|frame| frame.what) })
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        self.fields.write("row", row.iter().cloned(), &mut self.out)
    }

    fn finish(mut self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
        close("rows", &mut self.out)?;
        if let Some(root) = self.root {
            for Appendix { name, table, .. } in appendices {
                write_rows(&valid(name), "row", table, &mut self.out)?;
            }
            close(root, &mut self.out)?;
        }
        self.out.get_mut().flush()
    }
}

/// What stands above the rows: what they are, and what they rest on.
fn head<W: Write>(frame: &Frame, out: &mut quick_xml::Writer<W>) -> io::Result<()> {
    let mut root = BytesStart::new(frame.what);
    root.push_attribute(XSI);
    root.push_attribute(("name", &*xml_text(&frame.name)));
    root.push_attribute(("as_of", frame.as_of.to_rfc3339().as_str()));
    root.push_attribute(("incomplete", truth(frame.incomplete.into())));
    open(root, out)?;
    line("title", &frame.title, out)?;
    open(BytesStart::new("parameters"), out)?;
    for (name, value) in &frame.parameters {
        write_cell("parameter", Some(("name", &xml_text(name))), Kind::Any, &value.cell(), out)?;
        out.get_mut().write_all(b"\n")?;
    }
    close("parameters", out)?;
    write_rows("walks", "walk", &frame.walks, out)?;
    open(BytesStart::new("notes"), out)?;
    for note in &frame.notes {
        line("note", note, out)?;
    }
    close("notes", out)
}

fn write_rows<W: Write>(name: &str, element: &str, table: &Table, out: &mut quick_xml::Writer<W>) -> io::Result<()> {
    let fields = Fields::of(&table.columns);
    open(BytesStart::new(name), out)?;
    for row in &table.rows {
        fields.write(element, row.iter().map(Value::cell), out)?;
    }
    close(name, out)
}

/// Begins an element that holds others, a line each.
fn open<W: Write>(element: BytesStart<'_>, out: &mut quick_xml::Writer<W>) -> io::Result<()> {
    out.write_event(Event::Start(element))?;
    out.get_mut().write_all(b"\n")
}

/// Ends an element and its line.
fn close<W: Write>(name: &str, out: &mut quick_xml::Writer<W>) -> io::Result<()> {
    out.write_event(Event::End(BytesEnd::new(name)))?;
    out.get_mut().write_all(b"\n")
}

/// An element of text on a line of its own.
fn line<W: Write>(name: &str, text: &str, out: &mut quick_xml::Writer<W>) -> io::Result<()> {
    write_cell(name, None, Kind::Text, &Cell::Text(text.into()), out)?;
    out.get_mut().write_all(b"\n")
}

/// Writes an element that holds a value.
pub(super) fn write_cell<W: Write>(
    name: &str,
    attribute: Option<(&str, &str)>,
    kind: Kind,
    cell: &Cell<'_>,
    out: &mut quick_xml::Writer<W>,
) -> io::Result<()> {
    let mut element = BytesStart::new(name).with_attributes(attribute);
    let text: Cow<'_, str> = match cell {
        Cell::Null => {
            element.push_attribute(NIL);
            return out.write_event(Event::Empty(element));
        }
        Cell::Text(text) => xml_text(text),
        Cell::Integer(value) if kind == Kind::Boolean => truth(*value).into(),
        Cell::Integer(value) => value.to_string().into(),
        // As XML Schema spells it.
        Cell::Real(value) if value.is_infinite() => if *value > 0.0 { "INF" } else { "-INF" }.into(),
        Cell::Real(value) => value.to_string().into(),
        Cell::Time(time) => time.to_rfc3339().into(),
    };
    out.write_event(Event::Start(element))?;
    // Escapes a carriage return too: parsers make a raw one a line feed.
    out.write_event(Event::Text(BytesText::new(&text)))?;
    out.write_event(Event::End(BytesEnd::new(name)))
}

/// The names of the columns as names of elements, each its own.
fn element_names(columns: &[Column]) -> Vec<String> {
    let names = unique_names(columns);
    // Two names may differ in nothing but what an element's name cannot hold.
    unique_names(&names.iter().map(|name| Column::new(valid(name), Kind::Any)).collect::<Vec<_>>())
}

/// `name` as an element may be called. No colon, which would part off a namespace; and names that begin with `xml` are
/// not ours to give.
fn valid(name: &str) -> String {
    let mut valid: String = name.chars().map(|c| if is_name(c) { c } else { '_' }).collect();
    let reserved = valid.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml"));
    if reserved || !valid.starts_with(is_name_start) {
        valid.insert(0, '_');
    }
    valid
}

/// `NameStartChar` of XML 1.0, without the colon.
fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// `NameChar` of XML 1.0, without the colon.
fn is_name(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use quick_xml::XmlVersion;
    use quick_xml::escape::resolve_predefined_entity;

    use super::super::tests::{HOSTILE, framed, random_text};
    use super::super::{Format, Style, open, write};
    use super::*;
    use crate::model::Timestamp;

    /// An element, read again.
    #[derive(Debug, Default)]
    struct Node {
        name: String,
        attributes: Vec<(String, String)>,
        text: String,
        children: Vec<Node>,
    }

    impl Node {
        fn child(&self, name: &str) -> &Node {
            self.children.iter().find(|child| child.name == name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
        }

        fn attribute(&self, name: &str) -> Option<&str> {
            self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
        }

        /// The text, or `None` of a NULL.
        fn value(&self) -> Option<&str> {
            (self.attribute("xsi:nil").is_none()).then_some(&self.text)
        }
    }

    fn node(start: &BytesStart<'_>) -> Node {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap().into_owned();
            (attribute.key.as_ref().to_owned(), value)
        });
        Node { name: start.name().as_ref().to_owned(), attributes: attributes.collect(), ..Node::default() }
    }

    fn parse(text: &str) -> Node {
        let mut reader = quick_xml::Reader::from_str(text);
        let mut open = vec![Node::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => open.push(node(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(node(&start)),
                Event::End(_) => {
                    let whole = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(whole);
                }
                Event::Text(text) => open.last_mut().unwrap().text.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) => {
                    let text = &mut open.last_mut().unwrap().text;
                    match entity.resolve_char_ref().unwrap() {
                        Some(c) => text.push(c),
                        None => text.push_str(resolve_predefined_entity(&entity).unwrap()),
                    }
                }
                Event::Decl(_) => {}
                Event::Eof => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(open.len(), 1);
        open.pop().unwrap().children.pop().unwrap()
    }

    fn written(table: &Table) -> String {
        let mut out = Vec::new();
        write(table, Format::Xml, Style::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_value_is_spelled_as_xml_schema_has_it() {
        let mut table = Table::new([
            ("email", Kind::Text),
            ("days", Kind::Integer),
            ("share", Kind::Real),
            ("at", Kind::Time),
            ("active", Kind::Boolean),
        ]);
        let at = Timestamp::parse_human("2026-01-31T08:15:00Z").unwrap();
        table.rows.push(vec!["".into(), 7_i64.into(), Value::Real(0.5), at.into(), 1_i64.into()]);
        table.rows.push(vec![Value::Null, Value::Null, Value::Real(f64::NEG_INFINITY), Value::Null, Value::Null]);
        assert_eq!(
            written(&table),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <rows xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n\
             <row><email></email><days>7</days><share>0.5</share><at>2026-01-31T08:15:00.000Z</at>\
             <active>true</active></row>\n\
             <row><email xsi:nil=\"true\"/><days xsi:nil=\"true\"/><share>-INF</share><at xsi:nil=\"true\"/>\
             <active xsi:nil=\"true\"/></row>\n\
             </rows>\n"
        );
    }

    #[test]
    fn names_of_elements_are_valid_and_each_its_own() {
        let names = ["a b", "a_b", "a-b", "1st", "", "x:y", "XMLish", "größe", "漢字", "a b", "<!--", "\u{300}"];
        let columns: Vec<_> = names.iter().map(|name| Column::new(*name, Kind::Text)).collect();
        let elements = element_names(&columns);
        assert_eq!(
            elements,
            ["a_b", "a_b_2", "a-b", "_1st", "_", "x_y", "_XMLish", "größe", "漢字", "a_b_2_2", "__--", "_\u{300}"]
        );
        let table = Table { columns, rows: vec![names.iter().map(|name| (*name).into()).collect()] };
        let root = parse(&written(&table));
        assert_eq!(
            root.children[0].children.iter().map(|cell| &cell.name).collect::<Vec<_>>(),
            elements.iter().collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut texts: Vec<String> = [
            HOSTILE,
            "",
            " ",
            "]]>",
            "<![CDATA[",
            "&amp;&#13;",
            "a\r\nb\rc\n\td",
            "<a b='c'>",
            "\u{85}\u{2028}\u{fffe}\0",
        ]
        .map(str::to_owned)
        .into();
        texts.extend((0..2000).map(random_text));
        let mut table = Table::new([("a", Kind::Text), ("b", Kind::Text)]);
        table.rows = texts.iter().map(|text| vec![text.as_str().into(), Value::Null]).collect();
        let text = written(&table);
        let root = parse(&text);
        assert_eq!(root.children.len(), texts.len());
        for (row, text) in root.children.iter().zip(&texts) {
            assert_eq!(row.children[0].value(), Some(&*xml_text(text)));
            assert_eq!(row.children[1].value(), None);
        }
    }

    #[test]
    fn a_frame_tells_what_the_rows_rest_on() {
        let (frame, table, appendices) = framed();
        let mut out = io::Cursor::new(Vec::new());
        let mut sink = open(Format::Xml, Style::default(), Some(&frame), &table.columns, &mut out).unwrap();
        for row in &table.rows {
            sink.row(&row.iter().map(Value::cell).collect::<Vec<_>>()).unwrap();
        }
        sink.finish(&appendices).unwrap();
        let root = parse(std::str::from_utf8(out.get_ref()).unwrap());
        assert_eq!(root.name, "report");
        assert_eq!(root.attribute("name"), Some(frame.name.as_str()));
        assert_eq!(root.attribute("incomplete"), Some("true"));
        assert_eq!(root.attribute("as_of"), Some("2026-03-31T00:00:00.000Z"));
        let names: Vec<_> = root.children.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["title", "parameters", "walks", "notes", "rows", "excluded"]);
        assert_eq!(root.child("title").value(), Some(&*xml_text(&frame.title)));
        let parameters = &root.child("parameters").children;
        assert_eq!(parameters[0].value(), Some("180"));
        assert_eq!((parameters[1].attribute("name"), parameters[1].value()), (Some("group"), None));
        assert_eq!(root.child("walks").child("walk").child("site").value(), Some("corp"));
        assert_eq!(root.child("notes").children[0].value(), Some(&*xml_text(&frame.notes[0])));
        assert_eq!(root.child("rows").children.len(), table.rows.len());
        assert_eq!(root.child("excluded").child("row").child("name").value(), Some(&*xml_text(HOSTILE)));
    }
}
