// Facts about the process and the set-up of the compute thread.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <omp.h>
#include <torch/csrc/api/include/torch/version.h>
#ifdef __SSE3__
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif

#include "allocator.h"
#include "engine.h"

namespace lrdist {

std::string libtorch_compiled() {
  return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." + std::to_string(TORCH_VERSION_PATCH);
}

std::string libtorch_config() { return at::show_config(); }

// show_config() names the version of the library that was loaded, which need not be the one compiled against.
std::string libtorch_loaded() {
  const std::string config = at::show_config(), key = "TORCH_VERSION=";
  const size_t at = config.find(key);
  if (at == std::string::npos) return "unknown";
  const size_t begin = at + key.size();
  return config.substr(begin, config.find_first_of(", \n", begin) - begin);
}

bool has_bf16() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512bf16");  // processors with AMX have it too
#else
  return false;  // not tried on others
#endif
}

int default_threads() { return at::get_num_threads(); }

namespace {

// Denormal moments would double the optimizer's time. The mode belongs to a thread.
void flush_denormals() {
#ifdef __SSE3__
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
#endif
}

}  // namespace

void prepare_compute_thread(int threads) {
  install_allocator();
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  at::parallel_for(0, threads, 1, [](int64_t, int64_t) { flush_denormals(); });  // every thread of the team
}

// libtorch's own setter would change the number of MKL's threads for the whole process.
void prepare_device_thread() {
  install_allocator();
  static_cast<void>(at::get_num_threads());  // has libtorch set this thread up, which it would do over what follows
  omp_set_num_threads(1);
  flush_denormals();
}

}  // namespace lrdist
