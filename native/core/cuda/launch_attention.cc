#include "launch_attention.h"

#include <algorithm>

#include "../engine.h"

namespace lrdist::cuda {
namespace {

constexpr int widest_head = 256;
static_assert(std::max({AttentionTile<64>::forward_floats, AttentionTile<64>::backward_floats, AttentionTile<256>::forward_floats,
                        AttentionTile<256>::backward_floats}) * 4 <= 99 * 1024,
              "the least that a card from sm_80 on gives to a block");
// Blocks of each head and replica that clear rows.
constexpr unsigned clearing = 2;

// Heads of up to 64 channels have instances with larger tiles.
template <class T>
Kernel<AttentionForwardArguments<T>> forward_kernel(const Attention<T>& a) {
  const bool narrow = a.head_dim <= 64;
  if constexpr (std::is_same_v<T, float>) return !narrow ? attention_forward_f32_256 : a.tf32 ? attention_forward_tf32_64 : attention_forward_f32_64;
  else return narrow ? attention_forward_bf16_64 : attention_forward_bf16_256;
}

template <class T>
Kernel<AttentionBackwardArguments<T>> backward_kernel(const Attention<T>& a) {
  const bool narrow = a.head_dim <= 64;
  if constexpr (std::is_same_v<T, float>) return !narrow ? attention_backward_f32_256 : a.tf32 ? attention_backward_tf32_64 : attention_backward_f32_64;
  else return narrow ? attention_backward_bf16_64 : attention_backward_bf16_256;
}

// Whether every pointer is a multiple of 16 bytes, and so is every distance in elements of T.
bool aligned(std::initializer_list<const void*> pointers) {
  return std::all_of(pointers.begin(), pointers.end(), [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; });
}
bool aligned(std::initializer_list<long long> distances, size_t size) {
  return std::all_of(distances.begin(), distances.end(), [&](long long n) { return n * static_cast<long long>(size) % 16 == 0; });
}

template <class T>
bool aligned(const Attention<T>& a) {
  return aligned({a.q, a.k, a.v, a.context, a.bias_q, a.bias_k, a.bias_v}) &&
         aligned({a.head_dim, a.ld_q, a.ld_kv, a.stride_q, a.stride_kv, a.context_stride}, sizeof(T)) && aligned({a.head_dim, a.bias_stride}, sizeof(float));
}

void check(int head_dim) {
  if (head_dim > widest_head)
    throw Error("ERR_MODEL_UNSUPPORTED",
                "attention on this device takes heads of at most " + std::to_string(widest_head) + " channels, not " + std::to_string(head_dim));
}

Grid grid_of(int blocks, int replicas, int heads, int threads, int floats) {
  return {static_cast<unsigned>(blocks) + clearing, static_cast<unsigned>(replicas), static_cast<unsigned>(heads), static_cast<unsigned>(threads),
          static_cast<unsigned>(floats) * 4};
}

// Calls f(tile sizes) of the instance for heads of that size.
template <class F>
auto with_tile(int head_dim, const F& f) {
  return head_dim <= 64 ? f(AttentionTile<64>{}) : f(AttentionTile<256>{});
}

}  // namespace

template <class T>
void attention_forward(Device& device, const Attention<T>& a, int sequences, int longest, int replicas) {
  check(a.head_dim);
  with_tile(a.head_dim, [&]<class Tile>(Tile) {
    const int tiles = (longest + Tile::queries - 1) / Tile::queries;
    const Grid grid = grid_of(sequences * tiles, replicas, a.heads, Tile::forward_threads, Tile::forward_floats);
    device.launch(forward_kernel(a), grid, AttentionForwardArguments<T>{a, sequences, tiles, aligned(a)});
  });
}

int64_t attention_sums(int64_t replicas, int64_t padded, int heads, int head_dim, int longest) {
  const bool one_tile = with_tile(head_dim, [&]<class Tile>(Tile) { return longest <= Tile::keys; });
  return one_tile ? 0 : replicas * padded * heads * head_dim;
}

template <class T>
void attention_backward(Device& device, const AttentionBackward<T>& a, int sequences, int longest, int replicas) {
  const Attention<T>& forward = a.forward;
  check(forward.head_dim);
  if (!a.sums && attention_sums(1, 1, forward.heads, forward.head_dim, longest) > 0)
    throw Error("ERR_NATIVE", "attention's backward pass over so long sequences needs room for sums");
  with_tile(forward.head_dim, [&]<class Tile>(Tile) {
    const Grid grid = grid_of(sequences, replicas, forward.heads, Tile::backward_threads, Tile::backward_floats);
    const bool vectors = aligned(forward) && aligned({a.dcontext, a.dq, a.dk, a.dv});
    device.launch(backward_kernel(forward), grid, AttentionBackwardArguments<T>{a, sequences, vectors});
  });
}

template void attention_forward(Device&, const Attention<float>&, int, int, int);
template void attention_forward(Device&, const Attention<bfloat>&, int, int, int);
template void attention_backward(Device&, const AttentionBackward<float>&, int, int, int);
template void attention_backward(Device&, const AttentionBackward<bfloat>&, int, int, int);

}  // namespace lrdist::cuda
