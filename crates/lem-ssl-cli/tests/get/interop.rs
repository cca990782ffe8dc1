//! From nginx.
