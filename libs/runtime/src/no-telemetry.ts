// The Linux build of onnxruntime reports to its maker and writes a device id under ~/.cache unless this is set before
// its library loads, so this module stays the first import of whatever loads it. A worker thread has its own copy of the
// environment that native code does not see: a process that loads the runtime only in worker threads imports
// `@strata/runtime/no-telemetry` in its main thread.
process.env.ORT_DISABLE_TELEMETRY = '1';

export {};
