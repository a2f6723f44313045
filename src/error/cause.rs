//! The causes below an error: as they came, unless one of their texts could forge a line.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::one_line::OneLine;

/// How many causes below an error count. A stored error may name any number, and each stands in the one before.
const MAX_CAUSES: usize = 64;

/// This cause and those below it.
pub(super) fn chain<'a>(cause: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(cause), |&cause| cause.source()).take(MAX_CAUSES)
}

/// The cause itself, to be downcast. Or, if a text in its chain is not harmless on one line, the escaped texts of the chain.
pub(super) fn harmless(cause: Arc<dyn StdError + Send + Sync>) -> Arc<dyn StdError + Send + Sync> {
    let mut is_harmless = true;
    let mut texts = Vec::new();
    for cause in chain(&*cause) {
        let text = cause.to_string();
        let escaped = OneLine(&text).to_string();
        is_harmless &= text == escaped;
        texts.push(escaped);
    }
    if is_harmless { cause } else { of_texts(texts.into_iter()).unwrap_or(cause) }
}

/// Causes of which only the texts are known, the outermost first.
pub(super) fn of_texts(
    texts: impl DoubleEndedIterator<Item = String> + ExactSizeIterator,
) -> Option<Arc<dyn StdError + Send + Sync>> {
    let outermost = texts.take(MAX_CAUSES).rfold(None, |source, text| Some(Box::new(Escaped { text, source })))?;
    Some(Arc::new(*outermost))
}

#[derive(Debug)]
struct Escaped {
    text: String,
    source: Option<Box<Self>>,
}

impl fmt::Display for Escaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Escaped {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn harmless_causes_stay_as_they_are() {
        let cause = harmless(Arc::new(Outer(io::Error::other("nothing odd"))));
        assert!(cause.is::<Outer>() && cause.source().unwrap().is::<io::Error>());
    }

    #[test]
    fn forged_line_in_any_cause_is_escaped() {
        for text in ["a\nb", "a\u{2028}b", "a\u{1b}[2Kb", "a\u{202e}b"] {
            let cause = harmless(Arc::new(Outer(io::Error::other(text))));
            let inner = cause.source().unwrap();
            assert_eq!((cause.to_string().as_str(), inner.to_string()), ("outer", OneLine(text).to_string()));
            assert!(inner.source().is_none());
        }
    }
}
