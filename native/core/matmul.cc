#include "matmul.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>

#include "../kernels/kernels.h"
#include "profile.h"

// oneDNN's matrix product: any strides, the result written where it is wanted. libtorch_cpu exports this function without a header
// of its own. Weak: null in a libtorch that does not have it, which leaves the operator below.
namespace at::native {
__attribute__((weak, visibility("default"))) void mkldnn_matmul(const Tensor& a, const Tensor& b, const Tensor& result, float beta, float alpha);
}

namespace lrdist {
namespace {

using at::Tensor;

// oneDNN's linear layer (x w^T) as an operator of libtorch. It copies what is not contiguous, and its result is always new.
using OnednnLinear = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<std::string_view>);

const c10::TypedOperatorHandle<OnednnLinear>* onednn_linear() {
  static const auto* handle = []() -> const c10::TypedOperatorHandle<OnednnLinear>* {
    try {
      const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
      if (!found) return nullptr;
      return new c10::TypedOperatorHandle<OnednnLinear>(found->typed<OnednnLinear>());
    } catch (const c10::Error&) {
      return nullptr;  // another signature in this libtorch
    }
  }();
  return handle;
}

// out = a b
void multiply_into(Library library, const Tensor& a, const Tensor& b, Tensor& out) {
  switch (library) {
    case Library::onednn: at::native::mkldnn_matmul(a, b, out, 0, 1); return;
    case Library::onednn_linear: out = onednn_linear()->call(a, b.t(), std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), ""); return;
    case Library::mkl: at::mm_out(out, a, b); return;
    case Library::own: TORCH_INTERNAL_ASSERT(false, "not a library of libtorch");
  }
}

// Calls f(of), where of(tensor) is the tensor's data in the type that `t` has.
template <class F>
void with_type(const Tensor& t, const F& f) {
  if (t.scalar_type() == at::kBFloat16) f([](const Tensor& of) { return static_cast<kernels::bf16*>(of.mutable_data_ptr()); });
  else f([](const Tensor& of) { return of.mutable_data_ptr<float>(); });
}

Tensor product(Library library, const Tensor& a, const Tensor& b) {
  Tensor out;
  if (library != Library::onednn_linear) out = at::empty({a.size(0), b.size(1)}, a.options());
  multiply_into(library, a, b, out);
  return out;
}

}  // namespace

std::vector<Library> libraries() {
  std::vector<Library> found{Library::mkl};
  if (at::native::mkldnn_matmul != nullptr) found.push_back(Library::onednn);
  if (onednn_linear()) found.push_back(Library::onednn_linear);
  return found;
}

Tensor multiply(Library library, Form form, const Tensor& a, const Tensor& b) {
  switch (form) {
    case Form::forward: return product(library, a, b.t());
    case Form::input: return product(library, a, b);
    case Form::weight: break;
  }
  return product(library, a.t(), b);
}

Tensor view(const float* data, int64_t rows, int64_t columns) {
  return at::from_blob(const_cast<float*>(data), {rows, columns}, at::TensorOptions().dtype(at::kFloat));
}

Tensor view(const kernels::bf16* data, int64_t rows, int64_t columns) {
  return at::from_blob(const_cast<kernels::bf16*>(data), {rows, columns}, at::TensorOptions().dtype(at::kBFloat16));
}

Tensor Product::forward(const Tensor& x, const Tensor& w) const {
  const int64_t m = x.size(0), n = w.size(0), k = w.size(1);
  const kernels::Scope scope("product forward", kernels::product_work(m, n, k, w.element_size()));
  const Library library = choice_.of(Form::forward, n, k);
  if (library != Library::own) return product(library, x, w.t());
  const Tensor y = at::empty({m, n}, x.options());
  with_type(x, [&](auto of) { kernels::linear_forward(of(x), of(w), m, n, k, of(y)); });
  return y;
}

Tensor Product::backward_input(const Tensor& dy, const Tensor& w) const {
  const int64_t m = dy.size(0), n = w.size(0), k = w.size(1);
  const kernels::Scope scope("product input gradient", kernels::product_work(m, n, k, w.element_size()));
  const Library library = choice_.of(Form::input, n, k);
  if (library != Library::own) return product(library, dy, w);
  const Tensor dx = at::empty({m, k}, dy.options());
  with_type(dy, [&](auto of) { kernels::linear_input(of(dy), of(w), m, n, k, of(dx)); });
  return dx;
}

void Product::backward_weight(const Tensor& dy, const Tensor& x, float* dw, bool accumulate) const {
  const int64_t m = x.size(0), n = dy.size(1), k = x.size(1);
  const kernels::Scope scope("product weight gradient", kernels::product_work(m, n, k, x.element_size()));
  const Library library = choice_.of(Form::weight, n, k);
  if (library == Library::own) {
    with_type(dy, [&](auto of) { kernels::linear_weight(of(dy), dy.stride(0), of(x), m, n, k, dw, accumulate); });
    return;
  }
  const bool low = dy.scalar_type() == at::kBFloat16;
  if (!low && library != Library::onednn_linear && !accumulate) {
    Tensor out = view(dw, n, k);
    multiply_into(library, dy.t(), x, out);
    return;
  }
  const Tensor sum = product(library, dy.t(), x);
  const auto* rounded = reinterpret_cast<const kernels::bf16*>(sum.const_data_ptr());
  const auto* exact = reinterpret_cast<const float*>(sum.const_data_ptr());
  if (low && accumulate) kernels::add(dw, rounded, n * k);
  else if (low) kernels::convert(rounded, dw, n * k);
  else if (accumulate) kernels::add(dw, exact, n * k);
  else kernels::copy(dw, exact, n * k);
}

}  // namespace lrdist
