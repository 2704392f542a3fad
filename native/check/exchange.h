// The exchange between the devices of a group, on memory of its own.
#pragma once

#include <string>
#include <vector>

namespace lrdist::check {

// Each name is a device of the engine, or "nccl": NCCL without a device, in the processor's memory, which only a stand-in for it can use. Throws if a sum is
// wrong, if ranks differ, or if a rank is left waiting for one that failed.
void check_exchange(const std::vector<std::string>& devices);

}  // namespace lrdist::check
