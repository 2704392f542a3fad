// Threads that compute. One of the process serves the jobs of all sessions on the processor in the order of their arrival, those of sessions in Node's
// worker threads too: each further computing thread would bring an OpenMP team of its own. A session on a GPU has a thread for itself, which mostly
// waits for the device.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace lrdist {

class ComputeThread {
 public:
  struct Job {
    std::function<void()> work;  // must not throw
    enum { queued, running, ended } state = queued;
  };
  using Ticket = std::shared_ptr<Job>;

  // Never destroyed: the thread may still wait for work while the process's static objects are being destroyed.
  static ComputeThread& of_process();
  // A thread of its own. Give it to end().
  static std::unique_ptr<ComputeThread> of_device();

  Ticket submit(std::function<void()> work);

  // Waits for its end.
  void finish(const Ticket& job);

  // Takes a job that has not started off the queue; waits for the end of one that has. Afterwards its work runs no more.
  void withdraw(const Ticket& job);

  // Runs what is queued and then `last`, ends the thread and waits for that.
  static void end(std::unique_ptr<ComputeThread> thread, std::function<void()> last);

  // For jobs: so many threads compute for this one from here on; on a device's thread it is alone. On this thread only.
  void use_threads(int threads);

 private:
  explicit ComputeThread(bool of_device);
  void serve();

  const bool of_device_;
  int threads_ = 0;
  std::mutex mutex_;
  std::condition_variable arrived_, ended_;
  std::deque<Ticket> queue_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace lrdist
