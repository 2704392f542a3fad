// Our declarations of NCCL against its header. Compiles or does not; nothing runs.
#include <nccl.h>

#include <type_traits>

#include "core/cuda/nccl.h"

using namespace lrdist::cuda;

// Enumerations are int on our side, and an id is bytes.
template <class T>
struct PlainOf {
  using type = std::conditional_t<std::is_enum_v<T>, int, T>;
};
template <>
struct PlainOf<ncclResult_t*> {
  using type = int*;
};
template <>
struct PlainOf<ncclUniqueId> {
  using type = NcclId;
};
template <>
struct PlainOf<ncclUniqueId*> {
  using type = NcclId*;
};
template <class T>
using Plain = typename PlainOf<T>::type;

template <class R, class... Theirs, class S, class... Ours>
constexpr bool same(R (*)(Theirs...), S (*)(Ours...)) {
  if constexpr (sizeof...(Theirs) == sizeof...(Ours)) {
    return std::is_same_v<Plain<R>, S> && (std::is_same_v<Plain<Theirs>, Ours> && ...);
  } else {
    return false;
  }
}

#define COMPARE(result, name, ...) static_assert(same(decltype(&::name){}, decltype(Nccl::name){}), #name);
LRDIST_NCCL_FUNCTIONS(COMPARE)

static_assert(sizeof(NcclId) == sizeof(ncclUniqueId) && alignof(NcclId) == alignof(ncclUniqueId));
#define SAME(ours, theirs) static_assert(static_cast<int>(ours) == static_cast<int>(theirs), #ours);
SAME(nccl_success, ncclSuccess)
SAME(nccl_uint32, ncclUint32)
SAME(nccl_float32, ncclFloat32)
SAME(nccl_float64, ncclFloat64)
SAME(nccl_sum, ncclSum)
SAME(nccl_max, ncclMax)
