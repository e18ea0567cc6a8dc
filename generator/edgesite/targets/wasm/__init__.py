"""The WebAssembly target: loop nests, kernels, modules."""
