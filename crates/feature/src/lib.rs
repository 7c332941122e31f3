//! Placeholder crate doc, replaced with the first commit of its content.
