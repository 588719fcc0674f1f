// What makes a CPU kernel and runs it.
//
// A family declares, for each operator struct T whose traits say `on_cpu`:
//   KernelResult MakeCpuKernel(const T&, const KernelRequest&);
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decal/parallel.h"
#include "engine/base/assert.h"
#include "engine/base/result.h"
#include "engine/base/tensor.h"

namespace decal {

// Packed forms of constants, shared by all specialisations of a session.
class PackedWeights {
 public:
  // The packed form of `source` under `packing` (a number that identifies the format: see
  // engine/cpu), made by `pack` on first use. `source` may already have given up its own memory. `pack` sees float32
  // also where `source` is stored as float16, unless it takes weights `as_stored`.
  Result<std::shared_ptr<const Buffer>> Get(
      const ConstantPtr& source, uint64_t packing, size_t bytes,
      const std::function<void(const TensorView& source, std::byte* packed)>& pack, bool as_stored = false);
  // A form made from another packed form of `source`, whose own memory may be freed already.
  Result<std::shared_ptr<const Buffer>> Derive(const ConstantPtr& source, uint64_t packing, size_t bytes,
                                               const std::function<void(std::byte* packed)>& make);
  // Announces that the next packing is the last use of `source`. Its memory is then freed first, so that the packed
  // form can take its place, and restored if there is no memory for that form.
  void GiveUpNext(const ConstantTensor* source) { given_up_ = source; }
  size_t total_bytes() const;
  // Drops the packed forms of constants that only this cache still refers to: those that an earlier specialisation made
  // for itself.
  void DropOrphans();

 private:
  struct Entry {
    ConstantPtr source;  // keeps the key's address in use
    std::shared_ptr<const Buffer> packed;
  };
  std::map<std::pair<const ConstantTensor*, uint64_t>, Entry> entries_;
  const ConstantTensor* given_up_ = nullptr;
};

// An operand as the kernel's maker sees it, with final shape and strides. Data pointers are known for constants only,
// and are null for a constant that was freed after packing.
struct Operand {
  bool present = false;
  TensorView view;
  ConstantPtr constant;
};

struct KernelRequest {
  std::span<const Operand> inputs;
  std::span<const Operand> outputs;
  PackedWeights& packed;
  ThreadRunner& runner = SerialRunner();  // shares the work of packing; threads other than the caller's never allocate

  bool has(size_t i) const { return i < inputs.size() && inputs[i].present; }
};

struct CpuContext {
  ThreadRunner& runner;
  std::byte* scratch = nullptr;  // kAlignment-aligned; thread t owns [t * scratch_stride, +scratch_stride)
  size_t scratch_stride = 0;

  std::byte* scratch_of(size_t thread) const {
    DECAL_DASSERT(thread < runner.thread_count());
    return scratch + thread * scratch_stride;
  }
};

// An operator ready to run: weights packed, tables built. Run never allocates and never fails.
class CpuKernel {
 public:
  virtual ~CpuKernel() = default;
  virtual void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
                   const CpuContext& context) const = 0;
  // Scratch memory per thread.
  virtual size_t scratch_bytes_per_thread() const { return 0; }
  // False if Run does not read input i, because making the kernel packed or read it.
  virtual bool reads_input(size_t) const { return true; }
  // The algorithm's name for people: "implicit GEMM", "depthwise".
  virtual const char* algorithm() const = 0;
  // Why that algorithm: the candidates with their costs, the chosen one first. Empty if there was no choice.
  virtual std::string choice() const { return {}; }
  // MACs of one Run, for kernels that count them.
  virtual uint64_t multiply_adds() const { return 0; }
};

// Null if there is no fast path for this case; the scalar reference runs instead.
using KernelResult = Result<std::unique_ptr<CpuKernel>>;

}  // namespace decal
