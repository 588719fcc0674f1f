// The C interface of the WebAssembly modules: the contract between the engine and web/src/engine.
//
// Two kinds of module have it: the engine itself (all but decal_gpu_plan_*; built twice, for two levels of SIMD), and the
// planner for WebGPU (memory, models and plans alone), which a page fetches only where there is a GPU to plan for.
//
// Conventions: pointers and sizes are 32-bit; functions that can fail return 0 for success and 1 for
// failure (or a null handle), after which decal_error() describes the failure. JSON results are
// NUL-terminated UTF-8, valid until the next call. One thread calls everything except decal_worker_*.
#pragma once

#include <stdint.h>

#ifdef __wasm__
#define DECAL_EXPORT(name) __attribute__((export_name(#name)))
#else
#define DECAL_EXPORT(name)
#endif

extern "C" {

// ---- memory -----------------------------------------------------------------------------------
// 64-byte aligned; null when memory is out.
DECAL_EXPORT(decal_alloc) void* decal_alloc(uint32_t bytes);
DECAL_EXPORT(decal_free) void decal_free(void* memory);

// The failure of the last call that could fail: {"code": "corrupt-model", "message": "...", "where": "..."}; empty
// if there was none. After a trap it tells the reason where one is known (out of memory).
DECAL_EXPORT(decal_error) const char* decal_error();

// ---- threads ----------------------------------------------------------------------------------
// Prepares for `threads` threads in all (the caller is thread 0), at most WorkerRunner::kMaxThreads; allocates the workers'
// stacks. Call once, before any session, then start threads - 1 workers. Shared memory only; without it do not call.
DECAL_EXPORT(decal_threads_init) int decal_threads_init(uint32_t threads);
// The stack pointer of worker `index` (1 .. threads - 1): set the instance's __stack_pointer to it
// before anything else.
DECAL_EXPORT(decal_worker_stack) uint32_t decal_worker_stack(uint32_t index);
// A worker's whole life: waits for work and runs it. Returns after decal_threads_stop.
DECAL_EXPORT(decal_worker_main) void decal_worker_main(uint32_t index);
// For a worker whose decal_worker_main trapped: the run it took part in traps too instead of waiting for ever.
DECAL_EXPORT(decal_worker_failed) void decal_worker_failed();
// Lets decal_worker_main return in every worker.
DECAL_EXPORT(decal_threads_stop) void decal_threads_stop();
// Workers that have entered decal_worker_main. Work is only shared with those.
DECAL_EXPORT(decal_workers_ready) uint32_t decal_workers_ready();

// ---- cancelling -------------------------------------------------------------------------------
// Address of a 32-bit flag: store 1 (Atomics.store from any thread) to cancel the run in progress. Every
// decal_*_run clears it on return, not on entry, so that a request made just before is not lost.
DECAL_EXPORT(decal_cancel_flag) uint32_t decal_cancel_flag();

// ---- models -----------------------------------------------------------------------------------
// Feed the file in pieces (memory from decal_alloc), then finish: consumes the stream whatever happens.
DECAL_EXPORT(decal_stream_new) void* decal_stream_new();
DECAL_EXPORT(decal_stream_feed) int decal_stream_feed(void* stream, const uint8_t* bytes, uint32_t size);
DECAL_EXPORT(decal_stream_free) void decal_stream_free(void* stream);
// A session handle, or null.
DECAL_EXPORT(decal_session_from_stream) void* decal_session_from_stream(void* stream);
DECAL_EXPORT(decal_session_free) void decal_session_free(void* session);
// {"inputs": [{"name", "dtype", "shape": [..]}], "outputs": [...],
//  "memory": {"weights", "arena", "scratch", "lower_bound"}  (zeros before specialising),
//  "steps": number}
DECAL_EXPORT(decal_session_info) const char* decal_session_info(void* session);
// height = width = 0 keeps the model's own size.
DECAL_EXPORT(decal_session_specialize) int decal_session_specialize(void* session, int32_t height, int32_t width);
// Raw tensors, for engine work: `inputs` and `outputs` point to arrays of pointers to dense float32 data, in
// the session's order; a null output is dropped.
DECAL_EXPORT(decal_session_run) int decal_session_run(void* session, const float* const* inputs, float* const* outputs);

// ---- plans for WebGPU -------------------------------------------------------------------------
// A plan handle, or null; the session stays as it is and must outlive the plan. `limits`: workgroups per dimension, offset
// alignment, binding size and buffer size in bytes. `half`: 1 stores activations and weights as float16.
DECAL_EXPORT(decal_gpu_plan_new) void* decal_gpu_plan_new(void* session, int32_t height, int32_t width,
                                                          const double* limits, int32_t half);
DECAL_EXPORT(decal_gpu_plan_free) void decal_gpu_plan_free(void* plan);
// See ToJson in decal/gpu.h.
DECAL_EXPORT(decal_gpu_plan_json) const char* decal_gpu_plan_json(void* plan);
DECAL_EXPORT(decal_gpu_plan_uniforms) const uint8_t* decal_gpu_plan_uniforms(void* plan);
// Writes the contents of upload `index`, as many bytes as the plan says, to `out`.
DECAL_EXPORT(decal_gpu_plan_fill) void decal_gpu_plan_fill(void* plan, uint32_t index, uint8_t* out);

// ---- pictures ---------------------------------------------------------------------------------
// Takes the session (also on failure). `mean_std`: mean[3], std[3]; `rule`: size rule (0 stretch, 1 short side),
// width, height, multiple, activation (0 none, 1 sigmoid).
DECAL_EXPORT(decal_remover_new) void* decal_remover_new(void* session, const float* mean_std, const int32_t* rule);
DECAL_EXPORT(decal_remover_free) void decal_remover_free(void* remover);
// Plans and allocates for pictures of that size (the rule decides what that means).
DECAL_EXPORT(decal_remover_prepare) int decal_remover_prepare(void* remover, int32_t width, int32_t height);
// In place on dense RGBA8 rows. `background`: 4 bytes RGBA, or null for transparent. mask_only: 0 or 1.
DECAL_EXPORT(decal_remover_run) int decal_remover_run(void* remover, uint8_t* rgba, int32_t width, int32_t height,
                                                      const uint8_t* background, int32_t mask_only);

// The same in three steps, for hosts that run the model on WebGPU: expect once a size, then input and finish for each
// picture. See Remover in decal/cutout.h.
// size[0], size[1]: width and height of what the model sees of such a picture, for which the planner is to plan.
DECAL_EXPORT(decal_remover_input_size) void decal_remover_input_size(void* remover, int32_t width, int32_t height,
                                                                     int32_t* size);
// Makes room for an output of that shape, the plan's first.
DECAL_EXPORT(decal_remover_expect) int decal_remover_expect(void* remover, int32_t width, int32_t height,
                                                            const int32_t* shape, uint32_t rank);
// 1 if the last decal_remover_expect or decal_remover_prepare serves pictures of that size.
DECAL_EXPORT(decal_remover_fits) int decal_remover_fits(void* remover, int32_t width, int32_t height);
// The model's input, dense float32, valid until the next call; null for failure.
DECAL_EXPORT(decal_remover_input) const float* decal_remover_input(void* remover, const uint8_t* rgba, int32_t width,
                                                                   int32_t height);
// `output`: the model's first output, `values` floats. Otherwise as decal_remover_run.
DECAL_EXPORT(decal_remover_finish) int decal_remover_finish(void* remover, const float* output, uint32_t values,
                                                            uint8_t* rgba, int32_t width, int32_t height,
                                                            const uint8_t* background, int32_t mask_only);

// Of the last run, or, after preparing or expecting, the memory alone: {"preprocess_ms", "inference_ms", "postprocess_ms",
//  "input": [w, h], "memory_bytes", "coverage", "matte": {"pointer", "width", "height"}}
DECAL_EXPORT(decal_remover_report) const char* decal_remover_report(void* remover);
// A matte of the host's own, dense floats of any size, composed in place on dense RGBA8 rows; otherwise as
// decal_remover_run.
DECAL_EXPORT(decal_composite) int decal_composite(const float* matte, int32_t matte_width, int32_t matte_height,
                                                  uint8_t* rgba, int32_t width, int32_t height,
                                                  const uint8_t* background, int32_t mask_only);
// Antialiased RGBA resize with straight alpha, dense rows, for previews.
DECAL_EXPORT(decal_resize) int decal_resize(const uint8_t* rgba, int32_t width, int32_t height, uint8_t* out,
                                            int32_t out_width, int32_t out_height);

// ---- PNG --------------------------------------------------------------------------------------
// Filters rows [first, first + count) of dense RGBA8 for a PNG's IDAT stream (one filter byte and 4 * width bytes a
// row, filter chosen by minimum sum of absolute differences) into `out` (count * (4 * width + 1) bytes).
DECAL_EXPORT(decal_png_filter) void decal_png_filter(const uint8_t* rgba, int32_t width, int32_t first, int32_t count,
                                                     uint8_t* out);

}  // extern "C"
