//! JSON Schemas of strangers: judging ends, and a judgement is the opposite of its opposite.

use posthaste::json::{DEPTH_MAX, RawJson};
use posthaste_engine::catalogue::Schema;

use super::parts;

/// A schema in one line, then data.
pub fn judge(input: &[u8]) {
    let (text, data) = parts::line(input);
    let (Ok(text), Ok(data)) = (
        RawJson::parse(text.to_vec(), DEPTH_MAX),
        RawJson::parse(data.to_vec(), DEPTH_MAX),
    ) else {
        return;
    };
    let schema = match Schema::compile(&text) {
        Ok(schema) => schema,
        Err(misfits) => {
            assert!(!misfits.is_empty());
            return;
        }
    };
    let misfits = schema.check(&data);
    assert!(misfits.len() <= 20);
    for misfit in &misfits {
        assert!(
            misfit.pointer.is_empty() || misfit.pointer.starts_with('/'),
            "{misfit:?}"
        );
        assert!(!misfit.code.is_empty() && !misfit.detail.is_empty());
    }
    let too_deep = misfits.iter().any(|misfit| misfit.code == "depth");
    // What refers to itself means something else where it stands inside of another.
    let refers = ["$", "\\u"].iter().any(|name| text.as_str().contains(name));
    if !too_deep && !refers {
        let opposite = format!(r#"{{"not":{}}}"#, text.as_str());
        let both = format!(r#"{{"allOf":[{0},{0}]}}"#, text.as_str());
        let fits = |schema: String| {
            let schema = RawJson::parse(schema, DEPTH_MAX + 2).ok()?;
            Some(Schema::compile(&schema).ok()?.check(&data).is_empty())
        };
        assert_ne!(fits(opposite), Some(misfits.is_empty()));
        assert_ne!(fits(both), Some(!misfits.is_empty()));
    }
}
