// kernel-check [--device emulated|cuda|cuda:N] [--order forward|backward|shuffled] [--list] [NAME...]
// Runs the checks of these names, or all; one line for each. Ends with 1 if one fails, with 2 if the device is not there or the call is wrong.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>
#include <string>

#include "check.h"
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

int run(check::PlainDevice& device, std::set<std::string> wanted) {
  int failed = 0;
  const bool all = wanted.empty();
  for (const check::Check& one : check::all_checks()) {
    if (!all && wanted.erase(one.name) == 0) continue;
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

}  // namespace

int main(int count, char** arguments) {
  std::string device = "emulated";
  std::set<std::string> wanted;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--list") {
      for (const check::Check& one : check::all_checks()) std::printf("%s\n", one.name);
      return 0;
    }
    if (argument == "--device" && i + 1 < count) {
      device = arguments[++i];
    } else if (argument == "--order" && i + 1 < count) {
      emulated::set_order(order(arguments[++i]));
    } else {
      wanted.insert(argument);
    }
  }
  try {
    const auto opened = open(device);
    std::printf("on %s (%s)\n", opened->facts().name.c_str(), opened->facts().description.c_str());
    return run(*opened, wanted);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
