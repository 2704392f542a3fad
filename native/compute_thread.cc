#include "compute_thread.h"

#include <pthread.h>

#include <algorithm>
#include <thread>

#include "core/engine.h"

namespace lrdist {

ComputeThread& ComputeThread::instance() {
  static ComputeThread* const one = new ComputeThread;
  return *one;
}

ComputeThread::ComputeThread() {
  std::thread([this] { serve(); }).detach();
}

ComputeThread::Ticket ComputeThread::submit(std::function<void()> work) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(job);
  }
  arrived_.notify_one();
  return job;
}

void ComputeThread::withdraw(const Ticket& job) {
  std::function<void()> dropped;  // destroyed after the lock, because it may own a good deal of memory
  std::unique_lock lock(mutex_);
  if (job->state == Job::queued) {
    queue_.erase(std::find(queue_.begin(), queue_.end(), job));
    dropped.swap(job->work);
    job->state = Job::ended;
  } else {
    ended_.wait(lock, [&] { return job->state == Job::ended; });
  }
  lock.unlock();
}

void ComputeThread::use_threads(int threads) {
  static int current = 0;
  if (threads == current) return;
  prepare_compute_thread(threads);
  current = threads;
}

void ComputeThread::serve() {
  pthread_setname_np(pthread_self(), "lrdist-compute");
  for (;;) {
    Ticket job;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [&] { return !queue_.empty(); });
      job = std::move(queue_.front());
      queue_.pop_front();
      job->state = Job::running;
    }
    job->work();
    job->work = nullptr;  // what the job owned goes before its end is told, so that withdraw() leaves nothing behind
    {
      std::lock_guard lock(mutex_);
      job->state = Job::ended;
    }
    ended_.notify_all();
  }
}

}  // namespace lrdist
