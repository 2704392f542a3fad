#include "cpu_engine.h"

namespace lrdist {

std::unique_ptr<Engine> make_engine(const SessionSpec& spec) {
  if (spec.device == "cpu") return std::make_unique<CpuEngine>(spec);
  throw Error("ERR_DEVICE_UNAVAILABLE", "spec.device: this build has 'cpu' only, not '" + spec.device + "'");
}

}  // namespace lrdist
