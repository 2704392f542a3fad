#include "diagnosis.h"

#include <ATen/Context.h>

#include "device.h"
#include "driver.h"
#include "nccl.h"
#include "nvrtc.h"
#include "torch_stream.h"

namespace lrdist::cuda {
namespace {

template <class F>
std::string text_or_nothing(const F& text) {
  try {
    return text();
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace

Diagnosis diagnose() {
  Diagnosis d;
  d.libtorch = text_or_nothing([] { return libtorch_has_cuda() ? cuda_version_text(static_cast<int>(at::Context::versionCUDART())) : std::string(); });
  d.driver = text_or_nothing([] { return cuda_version_text(driver().version); });
  if (d.libtorch.empty() && d.driver.empty()) return d;
  d.nvrtc = text_or_nothing([] { return Nvrtc::get().path(); });
  d.nccl = text_or_nothing([] {
    int version = 0;
    check_nccl(nccl().ncclGetVersion(&version), "asking for NCCL's version");
    return nccl_version_text(version);
  });
  d.problem = why_no_cuda();
  return d;
}

}  // namespace lrdist::cuda
