// The three matrix products of a linear layer, through the fastest of the libraries inside libtorch or, for small weights, kernels of
// our own, in fp32 or bf16. Each library repeats its bits from run to run, but they differ from one another, so the choice is part of a
// run's record.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <tuple>

#include "../kernels/bf16.h"
#include "engine.h"
#include "layout.h"

namespace lrdist {

enum class Library { mkl, onednn, onednn_linear, own };
enum class Form { forward, input, weight };

// A library for all products and others for single shapes. As text: "onednn", or "onednn;mkl:forward/1152x384,weight/384x384", where
// the shape is the weight's.
struct MatmulChoice {
  using Key = std::tuple<Form, int64_t, int64_t>;
  Library library = Library::mkl;
  std::map<Key, Library> shapes;

  Library of(Form form, int64_t n, int64_t k) const;
  std::string text() const;
};

// Reads a choice; "auto" measures the model's shapes, once per process. Throws ERR_INVALID_OPTION for a library that this libtorch does not have.
MatmulChoice choose_matmul(const std::string& wanted, const Layout& layout);

// Which libraries this libtorch has; oneDNN may refuse the processor nevertheless. Our own kernels are not among them.
std::vector<Library> libraries();
std::string library_name(Library library);

class Product {
 public:
  explicit Product(MatmulChoice choice) : choice_(std::move(choice)) {}

  // Tensors of one product have one type, float or bfloat16; sums are fp32 and are rounded to that type at the end.
  // x [m, k], w [n, k] -> x w^T [m, n]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& w) const;
  // dy [m, n], w [n, k] -> dy w [m, k]
  at::Tensor backward_input(const at::Tensor& dy, const at::Tensor& w) const;
  // dw [n, k] (+)= dy^T x
  void backward_weight(const at::Tensor& dy, const at::Tensor& x, float* dw, bool accumulate) const;

 private:
  MatmulChoice choice_;
};

// One product with a given library of libtorch, to measure it. Shapes as above for each form.
at::Tensor multiply(Library library, Form form, const at::Tensor& a, const at::Tensor& b);

// A view of memory that someone else owns.
at::Tensor view(const float* data, int64_t rows, int64_t columns);
at::Tensor view(const kernels::bf16* data, int64_t rows, int64_t columns);

}  // namespace lrdist
