// The tied masked-language-model head on the masked tokens: logits = norm(gelu(y W^T + b)) E^T + bias, E the word embedding.
#pragma once

#include "head_pass.h"

namespace lrdist::cuda {

void language_losses(const Pass& pass, const HeadTask& task, const float* y_NH, float* losses);
float* language_backward(const Pass& pass, const HeadTask& task, const float* y_NH, const Learning& learning, const unsigned* stamp, float* losses);

}  // namespace lrdist::cuda
