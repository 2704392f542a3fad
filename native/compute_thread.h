// The one thread of the process that computes. It serves the jobs of all sessions in the order of their arrival, those of sessions in Node's
// worker threads too: each further computing thread would bring an OpenMP team of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace lrdist {

class ComputeThread {
 public:
  struct Job {
    std::function<void()> work;  // must not throw
    enum { queued, running, ended } state = queued;
  };
  using Ticket = std::shared_ptr<Job>;

  // Never destroyed: the thread may still wait for work while the process's static objects are being destroyed.
  static ComputeThread& instance();

  Ticket submit(std::function<void()> work);

  // Takes a job that has not started off the queue; waits for the end of one that has. Afterwards its work runs no more.
  void withdraw(const Ticket& job);

  // For jobs: libtorch's number of threads from here on. On the compute thread only.
  static void use_threads(int threads);

 private:
  ComputeThread();
  void serve();

  std::mutex mutex_;
  std::condition_variable arrived_, ended_;
  std::deque<Ticket> queue_;
};

}  // namespace lrdist
