// Losses with few classes: a thread takes a row and does in double what heads.cc does there.
#include "loss.cuh"

namespace lrdist::cuda {
namespace losses {

DEVICE double highest(const Row& row) {
  double top = row.at(0);
  for (int j = 1; j < row.width; ++j) top = top < row.at(j) ? row.at(j) : top;
  return top;
}

// A draw from the softmax.
DEVICE int drawn_class(const Loss& a, const Row& row) {
  const double top = highest(row);
  double sum = 0;
  for (int j = 0; j < row.width; ++j) sum += expf(static_cast<float>(row.at(j) - top));
  double rest = uniform(label_draw(a, row.index).at[0]) * sum;
  int pick = 0;
  for (; pick < row.width - 1; ++pick) {
    rest -= expf(static_cast<float>(row.at(pick) - top));
    if (rest < 0) break;
  }
  return pick;
}

DEVICE int target_of(const Loss& a, const Row& row) {
  if (a.labels_from_model) return drawn_class(a, row);
  return a.targets ? a.targets[row.index] : static_cast<int>(a.labels[row.index]);
}

DEVICE float cross_entropy(const Loss& a, const Row& row, float scale) {
  const int target = target_of(a, row);
  const double top = highest(row);
  double sum = 0, values = 0;
  for (int j = 0; j < row.width; ++j) {
    sum += expf(static_cast<float>(row.at(j) - top));
    values += row.at(j);
  }
  const double log_sum = log(sum) + top;
  const double loss = (1 - a.smoothing) * (log_sum - row.at(target)) + a.smoothing * (log_sum - values / row.width);
  if (a.gradient) {
    const float inverse = static_cast<float>(1 / sum), uniform = static_cast<float>(a.smoothing / row.width), on = static_cast<float>(1 - a.smoothing);
    for (int j = 0; j < row.width; ++j) {
      const float d = scale * (expf(static_cast<float>(row.at(j) - top)) * inverse - uniform);
      row.logits[j] = j == target ? d - scale * on : d;
    }
  }
  return static_cast<float>(loss);
}

// Cross-entropy of a softmax that was already taken once.
DEVICE float double_softmax(const Loss& a, const Row& row, float scale) {
  const int target = target_of(a, row);
  const double top = highest(row);
  double sum = 0, second = 0;
  for (int j = 0; j < row.width; ++j) sum += exp(row.at(j) - top);
  for (int j = 0; j < row.width; ++j) second += exp(exp(row.at(j) - top) / sum);
  const double loss = log(second) - exp(row.at(target) - top) / sum;
  if (a.gradient) {
    double dot = 0;
    for (int j = 0; j < row.width; ++j) {
      const double p = exp(row.at(j) - top) / sum;
      dot += (exp(p) / second - (j == target ? 1 : 0)) * p;
    }
    for (int j = 0; j < row.width; ++j) {
      const double p = exp(row.at(j) - top) / sum;
      row.logits[j] = static_cast<float>(scale * p * (exp(p) / second - (j == target ? 1 : 0) - dot));
    }
  }
  return static_cast<float>(loss);
}

DEVICE float squared_difference(const Row& row, float label, float scale, bool gradient) {
  const float difference = static_cast<float>(row.at(0)) - label;
  if (gradient) row.logits[0] = scale * 2 * difference;
  return difference * difference;
}

DEVICE float mse(const Loss& a, const Row& row, float scale) {
  float label;
  if (a.labels_from_model) {
    const Words draw = label_draw(a, row.index);
    label = static_cast<float>(row.at(0)) - sqrtf(-2 * logf(uniform(draw.at[0]) + 0x1p-25f)) * cosf(6.28318530718f * uniform(draw.at[1]));
  } else {
    label = a.labels[row.index];
  }
  return squared_difference(row, label, scale, a.gradient);
}

// Logarithm of the sum of e^(x / temperature - top / temperature).
DEVICE double log_of_sum(const Row& row, double top, double temperature) {
  double sum = 0;
  for (int j = 0; j < row.width; ++j) sum += exp((row.at(j) - top) / temperature);
  return log(sum);
}

DEVICE float distillation(const Loss& a, const Row& row, float scale) {
  const float* const logits = a.teacher + blockIdx.y * a.teacher_stride + static_cast<long long>(a.dataset_row[row.index]) * a.width;
  if (a.width == 1) return squared_difference(row, logits[0], scale, a.gradient);
  const Row teacher = {const_cast<float*>(logits), nullptr, row.width, row.index};
  const double t = a.temperature, top = highest(row), top_teacher = highest(teacher);
  const double log_sum = log_of_sum(row, top, t), log_sum_teacher = log_of_sum(teacher, top_teacher, t);
  double loss = 0;
  for (int j = 0; j < row.width; ++j) {
    const double p = (row.at(j) - top) / t - log_sum, q = (teacher.at(j) - top_teacher) / t - log_sum_teacher;
    loss -= t * t * exp(q) * p;
    if (a.gradient) row.logits[j] = static_cast<float>(scale * t * (exp(p) - exp(q)));
  }
  return static_cast<float>(loss);
}

// Calls f(arguments, row, scale) for each row.
template <float (*f)(const Loss&, const Row&, float)>
DEVICE void rows(const Loss& a) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= a.chunk) return;
  const Row row = row_of(a, i);
  if (row.index >= a.rows.padded) return;
  float* const out = a.losses + blockIdx.y * a.losses_stride + row.index;
  if (row.index < *a.rows.count) {
    *out = f(a, row, scale_of(a));
    return;
  }
  *out = 0;
  if (!a.gradient) return;
  for (int j = 0; j < row.width; ++j) row.logits[j] = 0;
}

DEVICE void accumulate(const AccumulateLoss& a) {
  const long long replica = blockIdx.y;
  const int count = *a.count;
  double sum = 0;
  for (int row = lane_index(); row < count; row += 32) sum += a.losses[replica * a.losses_stride + row];
  sum = warp_sum(sum);
  if (lane_index() != 0) return;
  const double mean = count > 0 ? (a.weight ? *a.weight : 1) * sum / count : 0;
  a.to[replica] = a.accumulate ? a.to[replica] + mean : mean;
}

}  // namespace losses

LRDIST_KERNEL(cross_entropy_kernel, 64, losses::rows<losses::cross_entropy>)
LRDIST_KERNEL(double_softmax_kernel, 64, losses::rows<losses::double_softmax>)
LRDIST_KERNEL(mse_kernel, 64, losses::rows<losses::mse>)
LRDIST_KERNEL(distillation_kernel, 64, losses::rows<losses::distillation>)
LRDIST_KERNEL(accumulate_loss_kernel, 32, losses::accumulate)

}  // namespace lrdist::cuda
