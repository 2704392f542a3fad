#include "plain_device.h"

#include "core/engine.h"

namespace lrdist::check {

namespace {
[[noreturn]] void missing(const char* what) { throw Error("ERR_NATIVE", std::string("a device for checks of kernels has no ") + what); }
}  // namespace

std::unique_ptr<cuda::DeviceMemory> PlainDevice::allocate_pinned(int64_t) { missing("pinned memory"); }
void PlainDevice::run(const cuda::Product&) { missing("products"); }
std::unique_ptr<cuda::Graph> PlainDevice::make_graph(std::vector<cuda::Call>) { missing("graphs"); }
void PlainDevice::run_graph(const cuda::Graph&) { missing("graphs"); }
std::unique_ptr<cuda::Mark> PlainDevice::make_mark() { missing("marks"); }
void PlainDevice::wait_for(const cuda::Mark&) { missing("marks"); }
void PlainDevice::use_side_queue(bool) { missing("second queue"); }

}  // namespace lrdist::check
