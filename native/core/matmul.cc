#include "matmul.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <mutex>

#include "../kernels/kernels.h"

namespace lrdist {
namespace {

using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);

// oneDNN's linear layer (x w^T), registered by libtorch builds that carry oneDNN.
const c10::TypedOperatorHandle<LinearPointwise>* onednn_linear() {
  static const auto* handle = []() -> const c10::TypedOperatorHandle<LinearPointwise>* {
    try {
      const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
      if (!found) return nullptr;
      return new c10::TypedOperatorHandle<LinearPointwise>(found->typed<LinearPointwise>());
    } catch (const c10::Error&) {
      return nullptr;  // another signature in this libtorch
    }
  }();
  return handle;
}

at::Tensor onednn_product(const at::Tensor& x, const at::Tensor& w) {
  return onednn_linear()->call(x, w, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), "");
}

double fastest(const at::Tensor& x, const at::Tensor& w, bool onednn) {
  double best = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor y = onednn ? onednn_product(x, w) : at::mm(x, w.t());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (i >= 2 && seconds < best) best = seconds;  // the first runs set up the library
  }
  return best;
}

Matmul measure() {
  if (!onednn_linear()) return Matmul::mkl;
  try {
    const at::Tensor x = at::ones({512, 384}), w = at::ones({768, 384});
    return fastest(x, w, true) < fastest(x, w, false) ? Matmul::onednn : Matmul::mkl;
  } catch (const c10::Error&) {
    return Matmul::mkl;  // oneDNN refuses this processor
  }
}

}  // namespace

Matmul choose_matmul(Matmul wanted) {
  if (wanted == Matmul::onednn && !onednn_linear())
    throw Error("ERR_INVALID_OPTION", "matmul: this libtorch has no oneDNN; use mkl or auto");
  if (wanted != Matmul::automatic) return wanted;
  static std::once_flag once;
  static Matmul choice = Matmul::mkl;
  std::call_once(once, [] {
    c10::InferenceMode guard;
    choice = measure();
  });
  return choice;
}

at::Tensor view(const float* data, int64_t rows, int64_t columns) {
  return at::from_blob(const_cast<float*>(data), {rows, columns}, at::TensorOptions().dtype(at::kFloat));
}

at::Tensor Product::forward(const at::Tensor& x, const float* w, int64_t n) const {
  const at::Tensor weight = view(w, n, x.size(1));
  return onednn_ ? onednn_product(x, weight) : at::mm(x, weight.t());
}

at::Tensor Product::backward_input(const at::Tensor& dy, const float* w, int64_t k) const {
  const at::Tensor weight = view(w, dy.size(1), k);
  return onednn_ ? onednn_product(dy, weight.t()) : at::mm(dy, weight);
}

void Product::backward_weight(const at::Tensor& dy, const at::Tensor& x, float* dw, bool accumulate) const {
  const int64_t n = dy.size(1), k = x.size(1);
  if (onednn_) {
    const at::Tensor product = onednn_product(dy.t(), x.t());
    const float* p = product.const_data_ptr<float>();
    if (accumulate) kernels::add(dw, p, n * k);
    else kernels::copy(dw, p, n * k);
    return;
  }
  at::Tensor out = view(dw, n, k);
  if (accumulate) at::addmm_out(out, out, dy.t(), x);
  else at::mm_out(out, dy.t(), x);
}

}  // namespace lrdist
