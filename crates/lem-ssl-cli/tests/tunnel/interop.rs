//! Between other programs.
