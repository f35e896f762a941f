//! The extension's WebAssembly: one module for each context that it runs in.
