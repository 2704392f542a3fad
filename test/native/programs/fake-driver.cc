// A driver for machines without a GPU: one card of compute capability 9.0 that takes every call and runs no kernel. By environment variables:
// FAKE_CUDA_INIT, what cuInit returns; FAKE_CUDA_VERSION; FAKE_CUDA_CAPABILITY, 10 * major + minor; FAKE_CUDA_IMAGE, a file for the image of the kernels.
// Its memory is the processor's. Compiled twice: with REST for the functions that do nothing, which give way to those here.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/cuda/driver.h"

namespace {

using lrdist::cuda::DeviceAddress;

int number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

}  // namespace

#ifdef REST

#define NOTHING(name, ...) \
  extern "C" __attribute__((weak)) int name(__VA_ARGS__) { return 0; }
LRDIST_DRIVER_FUNCTIONS(NOTHING)

#else

#define DOES(name, ...) extern "C" int name(__VA_ARGS__)

DOES(cuInit, unsigned) { return number("FAKE_CUDA_INIT", 0); }
DOES(cuDriverGetVersion, int* version) {
  *version = number("FAKE_CUDA_VERSION", 13000);
  return 0;
}
// NVRTC asks for it.
extern "C" int cuGetExportTable(const void** table, const void*) {
  *table = nullptr;
  return 500;
}
DOES(cuGetErrorName, int, const char** name) {
  *name = "CUDA_ERROR_FAKE";
  return 0;
}
DOES(cuGetErrorString, int, const char** text) {
  *text = "as it was asked for";
  return 0;
}
DOES(cuDeviceGetCount, int* count) {
  *count = 1;
  return 0;
}
DOES(cuDeviceGet, int* device, int ordinal) {
  *device = ordinal;
  return ordinal == 0 ? 0 : 101;
}
DOES(cuDeviceGetName, char* name, int bytes, int) {
  std::snprintf(name, static_cast<size_t>(bytes), "Fake card");
  return 0;
}
DOES(cuDeviceGetAttribute, int* value, int attribute, int) {
  const int capability = number("FAKE_CUDA_CAPABILITY", 90);
  *value = attribute == lrdist::cuda::attribute_compute_capability_major ? capability / 10 : capability % 10;
  return 0;
}
DOES(cuDeviceTotalMem_v2, size_t* bytes, int) {
  *bytes = 1 << 30;
  return 0;
}
DOES(cuMemAlloc_v2, DeviceAddress* address, size_t bytes) {
  *address = reinterpret_cast<DeviceAddress>(std::calloc(bytes, 1));
  return 0;
}
DOES(cuMemFree_v2, DeviceAddress address) {
  std::free(reinterpret_cast<void*>(address));
  return 0;
}
DOES(cuMemcpyHtoDAsync_v2, DeviceAddress to, const void* from, size_t bytes, CUstream_st*) {
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return 0;
}
DOES(cuMemcpyDtoHAsync_v2, void* to, DeviceAddress from, size_t bytes, CUstream_st*) {
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return 0;
}
// The image's length is in its header: it ends with the table of sections.
DOES(cuModuleLoadData, CUmod_st**, const void* image) {
  const auto* bytes = static_cast<const unsigned char*>(image);
  unsigned long long sections = 0, programs = 0;
  unsigned short size = 0, count = 0, program_size = 0, program_count = 0;
  std::memcpy(&programs, bytes + 32, 8);
  std::memcpy(&sections, bytes + 40, 8);
  std::memcpy(&program_size, bytes + 54, 2);
  std::memcpy(&program_count, bytes + 56, 2);
  std::memcpy(&size, bytes + 58, 2);
  std::memcpy(&count, bytes + 60, 2);
  const unsigned long long end = sections + static_cast<unsigned long long>(size) * count, other = programs + static_cast<unsigned long long>(program_size) * program_count;
  if (const char* path = std::getenv("FAKE_CUDA_IMAGE")) {
    std::FILE* file = std::fopen(path, "wb");
    std::fwrite(image, 1, end > other ? end : other, file);
    std::fclose(file);
  }
  return 0;
}
DOES(cuFuncGetAttribute, int* value, int attribute, CUfunc_st*) {
  *value = attribute == lrdist::cuda::function_max_threads_per_block ? 1024 : 0;
  return 0;
}

#endif
