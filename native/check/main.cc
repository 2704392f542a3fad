// kernel-check [--device emulated|cuda|cuda:N] [--order forward|backward|shuffled] [--kernels] [NAME...]
//   Runs the checks of these names, or all, one line for each; with --kernels not those of the engine's device and of the emulator. Ends with 1 if one
//   fails, with 2 if the device is not there.
// kernel-check --list | --source | --open DEVICE | --exchange DEVICE,DEVICE,...
//   The names of the checks; the kernels' source as NVRTC gets it; what the engine's device of that name is, or why there is none; checks what devices that
//   train one job together exchange.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "check.h"
#include "core/cuda/kernel_source.h"
#include "exchange.h"
#include "kernels/emulated/launch.h"
#include "plain_device.h"

using namespace lrdist;

namespace {

std::unique_ptr<check::PlainDevice> open(const std::string& name) {
  if (name == "emulated") return check::open_plain_emulator();
  if (name.compare(0, 4, "cuda") == 0) return check::open_plain_gpu(name.size() > 5 ? std::atoi(name.c_str() + 5) : 0);
  throw std::runtime_error("there is no device called " + name);
}

emulated::Order order(const std::string& name) {
  if (name == "backward") return emulated::Order::backward;
  if (name == "shuffled") return emulated::Order::shuffled;
  return emulated::Order::forward;
}

int run(check::PlainDevice& device, std::set<std::string> wanted, bool only_kernels) {
  int failed = 0;
  const bool all = wanted.empty();
  const auto starts = [](const std::string& name, const char* text) { return name.rfind(text, 0) == 0; };
  for (const check::Check& one : check::all_checks()) {
    if (!all && wanted.erase(one.name) == 0) continue;
    if (only_kernels && (starts(one.name, "device_") || starts(one.name, "emulator_"))) continue;
    std::printf("%s ", one.name);
    std::fflush(stdout);  // a check that ends the process has said its name
    try {
      check::Context context{device};
      one.run(context);
      device.synchronize();
      std::printf("ok\n");
    } catch (const std::exception& error) {
      std::printf("FAILED: %s\n", error.what());
      ++failed;
    }
  }
  for (const std::string& name : wanted) std::fprintf(stderr, "there is no check called %s\n", name.c_str());
  return !wanted.empty() ? 2 : failed > 0 ? 1 : 0;
}

int describe(const std::string& name) {
  const auto facts = cuda::open_device(name, false)->facts();
  std::printf("%s: %s, compute capability %d.%d, %lld bytes\n", facts.name.c_str(), facts.description.c_str(), facts.major, facts.minor,
              static_cast<long long>(facts.total_bytes));
  return 0;
}

int exchange(const std::string& list) {
  std::vector<std::string> devices;
  std::istringstream text(list);
  for (std::string name; std::getline(text, name, ',');) devices.push_back(name);
  try {
    check::check_exchange(devices);
  } catch (const std::exception& error) {
    std::printf("exchange FAILED: %s\n", error.what());
    return 1;
  }
  std::printf("exchange of %zu devices ok\n", devices.size());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  std::string device = "emulated", described, exchanging;
  bool only_kernels = false;
  std::set<std::string> wanted;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--list") {
      for (const check::Check& one : check::all_checks()) std::printf("%s\n", one.name);
      return 0;
    }
    if (argument == "--source") {
      std::fputs(cuda::one_text(cuda::kernel_files).c_str(), stdout);
      return 0;
    }
    if (argument == "--kernels") {
      only_kernels = true;
    } else if (argument == "--open" && i + 1 < count) {
      described = arguments[++i];
    } else if (argument == "--exchange" && i + 1 < count) {
      exchanging = arguments[++i];
    } else if (argument == "--device" && i + 1 < count) {
      device = arguments[++i];
    } else if (argument == "--order" && i + 1 < count) {
      emulated::set_order(order(arguments[++i]));
    } else {
      wanted.insert(argument);
    }
  }
  try {
    if (!described.empty()) return describe(described);
    if (!exchanging.empty()) return exchange(exchanging);
    const auto opened = open(device);
    std::printf("on %s (%s)\n", opened->facts().name.c_str(), opened->facts().description.c_str());
    return run(*opened, wanted, only_kernels);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
