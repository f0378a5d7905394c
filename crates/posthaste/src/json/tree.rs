//! A checked text as a tree to walk: where each value begins and ends, and nothing else. Numbers
//! and strings stay as they were written until someone looks at one.
//!
//! One allocation, one pass. A text that was not checked gives a tree without meaning.

use std::{borrow::Cow, iter};

use bytes::Bytes;

use super::{
    RawJson,
    text::{literal_length, string_length, unescape},
};

/// A JSON text and the places of its values.
#[derive(Debug)]
pub(crate) struct Tree {
    text: Bytes,
    /// In the order of the text: a container before what it holds, a key before its value.
    nodes: Vec<Node>,
}

/// A value's text is `start..end`; the first value behind it is `next`.
#[derive(Clone, Copy, Debug)]
struct Node {
    start: u32,
    end: u32,
    next: u32,
}

impl Tree {
    pub(crate) fn of(json: &RawJson) -> Self {
        let mut tree = Self {
            text: json.bytes(),
            nodes: Vec::new(),
        };
        let (mut at, mut open) = (0, Vec::new());
        while let Some(&byte) = json.as_bytes().get(at) {
            at = match byte {
                b' ' | b'\n' | b'\r' | b'\t' | b':' | b',' => at + 1,
                b'{' | b'[' => {
                    open.push(tree.nodes.len());
                    tree.push(at, at + 1)
                }
                b'}' | b']' => tree.close(open.pop(), at + 1),
                b'"' => tree.push(at, at + 2 + string_length(&json.as_bytes()[at + 1..])),
                _ => tree.push(at, at + literal_length(&json.as_bytes()[at..])),
            };
        }
        for left in open.into_iter().rev() {
            tree.close(Some(left), at);
        }
        tree
    }

    fn push(&mut self, start: usize, end: usize) -> usize {
        let end = end.min(self.text.len());
        let next = number(self.nodes.len() + 1);
        let (start, past) = (number(start), number(end));
        self.nodes.push(Node {
            start,
            end: past,
            next,
        });
        end
    }

    fn close(&mut self, container: Option<usize>, end: usize) -> usize {
        let next = number(self.nodes.len());
        if let Some(at) = container {
            let node = &mut self.nodes[at];
            (node.end, node.next) = (number(end), next);
        }
        end
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Value<'_> {
        self.value(0)
    }

    /// The value with this number.
    pub(crate) fn value(&self, at: usize) -> Value<'_> {
        Value { tree: self, at }
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("no JSON text here has 4 GiB")
}

/// What a value is: those before [`Kind::Array`] hold no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}

/// One value of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'t> {
    tree: &'t Tree,
    at: usize,
}

impl<'t> Value<'t> {
    /// Its number in the tree, for [`Tree::value`].
    pub(crate) fn number(self) -> usize {
        self.at
    }

    /// As it was written.
    pub(crate) fn raw(self) -> &'t [u8] {
        let node = self.tree.nodes.get(self.at);
        node.map_or(b"", |n| &self.tree.text[n.start as usize..n.end as usize])
    }

    pub(crate) fn kind(self) -> Kind {
        match self.raw().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// The text of a string, out of its escapes; empty for what is none.
    pub(crate) fn text(self) -> Cow<'t, [u8]> {
        let inner = self.raw().strip_prefix(b"\"");
        let inner = inner.and_then(|raw| raw.strip_suffix(b"\""));
        inner.map_or(Cow::Borrowed(&[]), unescape)
    }

    /// The items of an array; keys and values in turn of an object.
    fn within(self) -> impl Iterator<Item = Self> {
        let end = self.tree.nodes.get(self.at).map_or(0, |n| n.next as usize);
        let sibling = move |value: &Self| {
            let next = value.tree.nodes[value.at].next as usize;
            Some(value.tree.value(next)).filter(|value| value.at < end)
        };
        let first = Some(self.tree.value(self.at + 1));
        iter::successors(first.filter(|value| value.at < end), sibling)
    }

    /// The items of an array; none of what is no array.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> {
        let array = (self.kind() == Kind::Array).then_some(self);
        array.into_iter().flat_map(Self::within)
    }

    /// The members of an object, in the order of the text; none of what is no object.
    pub(crate) fn members(self) -> impl Iterator<Item = (Cow<'t, [u8]>, Self)> {
        let object = (self.kind() == Kind::Object).then_some(self);
        let mut values = object.into_iter().flat_map(Self::within);
        iter::from_fn(move || Some((values.next()?.text(), values.next()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree written again, from what can be seen of it.
    fn written(value: Value<'_>) -> String {
        let texts = |texts: Vec<String>| texts.join(" ");
        let own = String::from_utf8(value.raw().to_vec()).unwrap();
        match value.kind() {
            Kind::Array => format!("[{}]", texts(value.items().map(written).collect())),
            Kind::Object => {
                let member = |(key, value): (Cow<'_, [u8]>, Value<'_>)| {
                    format!("{}={}", String::from_utf8_lossy(&key), written(value))
                };
                format!("{{{}}}", texts(value.members().map(member).collect()))
            }
            _ => own,
        }
    }

    #[track_caller]
    fn check(text: &'static str, expected: &str) {
        let tree = Tree::of(&RawJson::trusted(Bytes::from_static(text.as_bytes())));
        assert_eq!(written(tree.root()), expected, "{text}");
    }

    #[test]
    fn every_value_is_found_where_it_stands() {
        check(" 1e400 ", "1e400");
        check("null", "null");
        check(r#""a]\"}""#, r#""a]\"}""#);
        check("[ ]", "[]");
        check("[[],{},[1 , [2]],3]", "[[] {} [1 [2]] 3]");
        check(
            r#"{"a":{"\u0062":[1,{"c":null}],"d":true},"e":"f"}"#,
            r#"{a={b=[1 {c=null}] d=true} e="f"}"#,
        );
    }

    #[test]
    fn what_was_never_checked_neither_recurses_nor_panics() {
        for text in [
            "", "{", "}", "[}", "\"", "\"\\", "{\"a", "{,,}", ":", "{1:", "]]", "\\",
        ] {
            let tree = Tree::of(&RawJson::trusted(Bytes::from_static(text.as_bytes())));
            written(tree.root());
        }
        let deep = RawJson::trusted(Bytes::from(vec![b'['; 100_000]));
        assert_eq!(Tree::of(&deep).root().items().count(), 1);
    }
}
