#include "products.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>

namespace lrdist::cuda {

namespace {
c10::ScalarType scalar(Type type) { return type == Type::f32 ? at::kFloat : at::kBFloat16; }
}  // namespace

at::Tensor view(const Matrices& m, int64_t replicas, bool transpose, at::Device device) {
  const int64_t stride = replicas == 1 ? m.rows * m.ld : m.stride;
  const at::Tensor tensor = at::for_blob(m.data, {replicas, m.rows, m.columns})
                                .strides(at::IntArrayRef{stride, m.ld, 1})
                                .options(at::TensorOptions().dtype(scalar(m.type)).device(device))
                                .target_device(device)
                                .make_tensor();
  return transpose ? tensor.transpose(1, 2) : tensor;
}

void multiply_on_processor(const Product& p) {
  const at::Tensor out = view(p.out, p.replicas, false, at::kCPU), a = view(p.a, p.replicas, p.transpose_a, at::kCPU),
                   b = view(p.b, p.replicas, p.transpose_b, at::kCPU);
  for (int64_t k = 0; k < p.replicas; ++k) {
    at::Tensor to = out[k];
    const at::Tensor left = a[k].to(at::kFloat), right = b[k].to(at::kFloat);  // no copies of fp32
    if (p.out.type == Type::bf16) {
      to.copy_(at::mm(left, right));
    } else if (p.accumulate) {
      at::addmm_out(to, to, left, right);
    } else {
      at::mm_out(to, left, right);
    }
  }
}

void multiply_on_gpu(const Product& p, at::Device device) {
  at::Tensor out = view(p.out, p.replicas, false, device);
  const at::Tensor a = view(p.a, p.replicas, p.transpose_a, device), b = view(p.b, p.replicas, p.transpose_b, device);
  const bool widens = p.out.type != p.a.type;
  if (widens && p.accumulate) {
    at::baddbmm_out(out, out, a, b, at::kFloat);
  } else if (widens) {
    at::bmm_out(out, a, b, at::kFloat);
  } else if (p.accumulate) {
    at::baddbmm_out(out, out, a, b);
  } else {
    at::bmm_out(out, a, b);
  }
}

}  // namespace lrdist::cuda
