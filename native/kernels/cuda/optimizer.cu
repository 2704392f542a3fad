#include "optimizer.h"

#include "rules.cuh"

namespace lrdist::cuda {

DEVICE void begin_updates_body(const BeginUpdatesArguments& a) {
  for (int k = static_cast<int>(threadIdx.x); k < a.replicas; k += static_cast<int>(blockDim.x)) a.non_finite[k] = a.alive[k] ? -1 : 0;
}
LRDIST_KERNEL(begin_updates_kernel, chunk_threads, begin_updates_body)

// RecAdam's annealing: how far the task's update counts, and the pull for each unit of rate.
struct Annealing {
  double task, pull;
};

DEVICE Annealing annealing_of(const ReplicaRules& rules, long long stage_step) {
  const double task = 1 / (1 + exp(-rules.slope * (static_cast<double>(stage_step) - rules.midpoint)));
  return {task, (1 - task) * rules.constant};
}

DEVICE void decide_update_body(const DecideUpdateArguments& a) {
  __shared__ int updates;
  const int k = static_cast<int>(blockIdx.y), thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const UpdateSettings& s = *a.settings;
  const long long step = *a.segment_step;

  double sum = 0;
  const double* partials = a.partials + static_cast<long long>(k) * a.chunks;
  for (int i = thread; i < a.chunks; i += threads) sum += partials[i];
  sum = block_sum(sum);
  if (thread == 0) {
    const double loss = a.step_loss[k], norm = sqrt(sum);
    const bool alive = a.alive[k] != 0;
    updates = alive && isfinite(loss) && isfinite(norm);
    if (alive && !updates) {
      a.alive[k] = 0;
      a.results.non_finite[k] = static_cast<int>(step);
    }
    const double clip = s.clip_norm > 0 ? s.clip_norm / (norm + 1e-6) : 1;
    a.clip[k] = static_cast<float>(clip < 1 ? clip : 1);
    const long long result = k * a.results.replica_stride + step * a.results.step_stride;
    const float nan = __uint_as_float(0x7FC00000u);
    a.results.losses[result] = alive ? static_cast<float>(loss) : nan;
    a.results.grad_norms[result] = alive ? static_cast<float>(norm) : nan;
  }
  __syncthreads();

  const double* factors = a.factors + (k * s.steps + step) * (s.groups ? s.groups : 1);
  const bool recadam = a.rules && a.rules[k].penalty == pull_recadam;
  for (int t = thread; t < a.tensor_count; t += threads) {
    const long long place = static_cast<long long>(k) * a.tensor_count + t;
    const double rate = a.rates[place];
    Coefficients c{};
    if (updates && a.written[t] && rate != 0) {
      const TensorFacts& tensor = a.tensors[t];
      const double lr = rate * factors[s.groups ? tensor.group : 0];
      const double count = ++a.steps[place];
      c.on = 1;
      c.lr = static_cast<float>(lr);
      c.step_size = static_cast<float>(lr / (1 - pow(s.beta1, count)));
      c.bias2_sqrt = static_cast<float>(sqrt(1 - pow(s.beta2, count)));
      c.decay = static_cast<float>(a.decay[place]);
      if (recadam && (tensor.flags & tensor_anchored)) {
        const Annealing annealing = annealing_of(a.rules[k], s.stage_step + step);
        const double pull = lr * annealing.pull;
        c.step_size *= static_cast<float>(annealing.task);
        c.pull = static_cast<float>(pull < 1 ? pull : 1);  // beyond 1 it would overshoot the anchor
      }
    }
    a.coefficients[place] = c;
  }
}
LRDIST_KERNEL(decide_update_kernel, chunk_threads, decide_update_body)

// Child-Tuning's mask of the gradients of one tensor of one replica.
struct GradientMask {
  int transform;  // transform_none: none
  unsigned hash, key0, key1, site, step, threshold;
  float scale, least;
  const float* fisher;

  template <int N>
  DEVICE void apply(float (&g)[N], unsigned element, int i) const {
    if (transform == transform_child_fisher) {
      float f[N];
      load(fisher + i, f);
      UNROLL for (int n = 0; n < N; ++n) g[n] = f[n] < least ? 0.0f : g[n];
      return;
    }
    const Words block = philox(element / 8, site << 16, hash, step, key0, key1);
    UNROLL for (int n = 0; n < N; ++n) {
      const unsigned place = element % 8 + static_cast<unsigned>(n);
      // Without an index that varies, the block stays in registers.
      const unsigned pair = place < 4 ? (place < 2 ? block.at[0] : block.at[1]) : (place < 6 ? block.at[2] : block.at[3]);
      g[n] *= (place % 2 ? pair >> 16 : pair & 0xFFFFu) < threshold ? 0.0f : scale;
    }
  }
};

DEVICE GradientMask gradient_mask(const AdamArguments& a, int k, const Chunk& chunk, const TensorFacts& tensor) {
  GradientMask mask{};
  if (!a.rules || !(tensor.flags & tensor_masked)) return mask;
  const ReplicaRules& r = a.rules[k];
  if (r.transform == transform_child_free) {
    mask = {r.transform, tensor.hash, r.key0, r.key1, r.site, *a.word.step, r.threshold, r.scale, 0, nullptr};
  } else if (r.transform == transform_child_fisher) {
    mask.transform = r.transform;
    mask.least = a.thresholds[k];
    mask.fisher = r.mask_fisher + chunk.begin;
  }
  return mask;
}

DEVICE void adam_body(const AdamArguments& a) {
  __shared__ unsigned char states[chunk_rows];
  const int k = static_cast<int>(blockIdx.y);
  const Chunk chunk = a.chunks.chunks[blockIdx.x];
  const Coefficients c = a.coefficients[static_cast<long long>(k) * a.chunks.tensor_count + chunk.tensor];
  if (!c.on) return;
  const TensorFacts& tensor = a.chunks.tensors[chunk.tensor];
  const ChunkRows rows = rows_of(chunk, tensor, a.word, k, states);
  const GradientMask mask = gradient_mask(a, k, chunk, tensor);
  const bool decoupled = a.settings->decoupled != 0;
  const float beta2 = a.settings->beta2_f, eps = a.settings->eps, new1 = a.settings->new1, new2 = a.settings->new2, clip = a.clip[k];
  const float keep = decoupled ? 1.0f - c.lr * c.decay : 1.0f;
  // Rows that had a gradient before and have none in this step have what a penalty left there, or 0. Coupled decay gives every row a gradient.
  const bool penalised = gradient_pull(a.rules, k, tensor.flags).strength != 0;
  const bool every_row = !decoupled && c.decay != 0;

  const unsigned element = static_cast<unsigned>(chunk.begin - tensor.offset);
  const long long at = k * a.stride + chunk.begin;
  float *weights = a.weights + at, *first = a.first + at, *second = a.second + at;
  float* gradients = a.gradients + at;
  const float* anchor = c.pull != 0 ? a.rules[k].anchor + chunk.begin : nullptr;
  bfloat* low = a.low && chunk.begin >= a.low_begin ? a.low + k * a.low_stride + (chunk.begin - a.low_begin) : nullptr;

  for_lanes(chunk.length, rows.vectors(), [&](auto lanes, int i) {
    constexpr int N = decltype(lanes)::value;
    const unsigned state = rows.of(i);
    const bool has = state & row_has_gradient, touched = state & row_touched;
    if (has || touched || every_row) {
      float g[N] = {}, m[N] = {}, v[N] = {}, w[N];
      load(weights + i, w);
      if (has || (touched && penalised)) load(gradients + i, g);
      if (touched) {
        load(first + i, m);
        load(second + i, v);
      }
      const bool masked = mask.transform != transform_none;
      if (masked) mask.apply(g, element + static_cast<unsigned>(i), i);
      // For who reads the gradients after the step. The second: rows that count as touched from now on.
      if (masked || (penalised && !has && !touched)) store(gradients + i, g);
      UNROLL for (int n = 0; n < N; ++n) {
        float gradient = g[n] * clip;
        if (!decoupled) gradient += c.decay * w[n];
        m[n] += new1 * (gradient - m[n]);
        v[n] = beta2 * v[n] + new2 * gradient * gradient;
        w[n] = w[n] * keep - c.step_size * (m[n] / (sqrtf(v[n]) / c.bias2_sqrt + eps));
      }
      store(first + i, m);
      store(second + i, v);
      if (anchor) {
        float u[N];
        load(anchor + i, u);
        UNROLL for (int n = 0; n < N; ++n) w[n] -= c.pull * (w[n] - u[n]);
      }
      store(weights + i, w);
      if (low) store(low + i, w);
    } else if (c.decay != 0) {
      float w[N];
      load(weights + i, w);
      UNROLL for (int n = 0; n < N; ++n) w[n] *= keep;
      if (anchor) {
        float u[N];
        load(anchor + i, u);
        UNROLL for (int n = 0; n < N; ++n) w[n] -= c.pull * (w[n] - u[n]);
      }
      store(weights + i, w);
      if (low) store(low + i, w);
    }
  });

  const int thread = static_cast<int>(threadIdx.x);
  if (rows.states && thread < rows.count && !(states[thread] & row_touched) && ((states[thread] & row_has_gradient) || every_row))
    a.word.touched[static_cast<long long>(k) * a.word.vocab + rows.first + thread] = 1;
}
LRDIST_KERNEL(adam_kernel, chunk_threads, adam_body)

}  // namespace lrdist::cuda
