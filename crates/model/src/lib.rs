//! Placeholder header, replaced before use.
