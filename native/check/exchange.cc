#include "exchange.h"

#include <atomic>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>

#include "core/cuda/array.h"
#include "core/cuda/nccl_communicator.h"

namespace lrdist::check {
namespace {

using namespace cuda;

// A rank's memory: a device's, or the processor's.
class Place {
 public:
  Place(Group& group, int rank, const std::string& name)
      : device_(name == "nccl" ? nullptr : open_device(name, false)),
        communicator_(device_ ? device_->join(group, rank) : make_nccl_communicator(group, rank, nullptr)) {}

  template <class T>
  T* put(const std::vector<T>& values) {
    const size_t bytes = values.size() * sizeof(T);
    if (device_) {
      arrays_.push_back(device_->allocate(static_cast<int64_t>(bytes)));
      device_->upload(arrays_.back()->as(), values.data(), static_cast<int64_t>(bytes));
      return arrays_.back()->as<T>();
    }
    blocks_.emplace_back(bytes);
    std::memcpy(blocks_.back().data(), values.data(), bytes);
    return reinterpret_cast<T*>(blocks_.back().data());
  }
  template <class T>
  std::vector<T> get(const T* data, size_t count) {
    std::vector<T> values(count);
    const size_t bytes = count * sizeof(T);
    if (device_) device_->download(values.data(), data, static_cast<int64_t>(bytes));
    else std::memcpy(values.data(), data, bytes);
    return values;
  }
  Communicator& communicator() { return *communicator_; }

 private:
  std::unique_ptr<Device> device_;
  std::unique_ptr<Communicator> communicator_;
  std::vector<std::unique_ptr<DeviceMemory>> arrays_;
  std::vector<std::vector<char>> blocks_;
};

// f(rank) on a thread for each; the first failure that does not follow from another is thrown.
void on_ranks(Group& group, const std::function<void(int)>& f) {
  std::vector<std::exception_ptr> failures(static_cast<size_t>(group.size()));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < group.size(); ++rank)
    threads.emplace_back([&, rank] {
      try {
        f(rank);
      } catch (...) {
        failures[static_cast<size_t>(rank)] = std::current_exception();
        group.abort();
      }
    });
  for (std::thread& thread : threads) thread.join();
  const std::exception_ptr cause = cause_of(failures);
  if (cause) std::rethrow_exception(cause);
}

constexpr size_t numbers = 1001;

template <class T>
std::vector<T> values_of(int rank, int factor) {
  std::vector<T> values(numbers);
  for (size_t i = 0; i < numbers; ++i) values[i] = static_cast<T>((i * 7 + static_cast<size_t>(rank * factor)) % 64);
  return values;
}

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

void check_sums(Group& group, Place& place, int rank) {
  for (int round = 1; round <= 3; ++round) {
    float* const floats = place.put(values_of<float>(rank, round));
    double* const doubles = place.put(values_of<double>(rank, 2 * round));
    unsigned* const stamps = place.put(values_of<unsigned>(rank, 3 * round));
    place.communicator().reduce({{floats, numbers, ReductionKind::sum_f32}, {stamps, numbers, ReductionKind::max_u32}, {doubles, numbers, ReductionKind::sum_f64}});
    std::vector<float> float_sums(numbers, 0);
    std::vector<double> double_sums(numbers, 0);
    std::vector<unsigned> greatest(numbers, 0);
    for (int r = 0; r < group.size(); ++r) {
      const auto f = values_of<float>(r, round);
      const auto d = values_of<double>(r, 2 * round);
      const auto u = values_of<unsigned>(r, 3 * round);
      for (size_t i = 0; i < numbers; ++i) {
        float_sums[i] += f[i];
        double_sums[i] += d[i];
        greatest[i] = std::max(greatest[i], u[i]);
      }
    }
    expect(place.get(floats, numbers) == float_sums, "a wrong sum of floats");
    expect(place.get(doubles, numbers) == double_sums, "a wrong sum of doubles");
    expect(place.get(stamps, numbers) == greatest, "a wrong greatest number");
  }
}

// Rank 0 goes on until step 5; the others learn it.
void check_agreement(Group& group) {
  group.begin_job();
  on_ranks(group, [&](int rank) {
    int64_t step = 0;
    while (group.agree(rank, step, step < 5 || rank > 0)) ++step;
    expect(step == 5, "ranks that did different steps");
  });
  expect(group.agreed() == 4, "a wrong last step");
}

// The last rank fails where the others wait for it.
void check_failure(Group& group, const std::vector<std::string>& devices) {
  for (const bool in_exchange : {true, false}) {
    group.begin_job();
    std::atomic<int> freed = 0;
    try {
      on_ranks(group, [&](int rank) {
        Place place(group, rank, devices[static_cast<size_t>(rank)]);
        if (rank + 1 == group.size()) throw std::runtime_error("the rank that fails");
        try {
          float* const data = place.put(values_of<float>(rank, 1));
          if (in_exchange) {
            place.communicator().reduce({{data, numbers, ReductionKind::sum_f32}});
            place.get(data, numbers);  // with NCCL the device waits, not the host
            place.communicator().reduce({{data, numbers, ReductionKind::sum_f32}});
          } else if (rank > 0) {
            group.agree(rank, 0, true);
          } else {
            group.meet();
          }
        } catch (const Error&) {
          ++freed;
        }
      });
      throw std::logic_error("the failure of a rank was not told");
    } catch (const std::runtime_error& error) {
      expect(std::string(error.what()) == "the rank that fails", error.what());
    }
    expect(freed == group.size() - 1, "a rank went on although another had failed");
  }
}

}  // namespace

void check_exchange(const std::vector<std::string>& devices) {
  const std::atomic<bool> stop = false;
  Group group(static_cast<int>(devices.size()), stop);
  check_agreement(group);
  const auto sums = [&] {
    group.begin_job();
    on_ranks(group, [&](int rank) {
      Place place(group, rank, devices[static_cast<size_t>(rank)]);
      check_sums(group, place, rank);
    });
  };
  sums();
  if (group.size() > 1) check_failure(group, devices);
  sums();  // after a failure too
}

}  // namespace lrdist::check
