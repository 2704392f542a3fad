#include "compute_thread.h"

#include <pthread.h>

#include <algorithm>

#include "engine.h"

namespace lrdist {

ComputeThread& ComputeThread::of_process() {
  static ComputeThread* const one = new ComputeThread(false);
  return *one;
}

std::unique_ptr<ComputeThread> ComputeThread::of_device() { return std::unique_ptr<ComputeThread>(new ComputeThread(true)); }

ComputeThread::ComputeThread(bool of_device) : of_device_(of_device), thread_([this] { serve(); }) {}

void ComputeThread::end(std::unique_ptr<ComputeThread> thread, std::function<void()> last) {
  thread->submit(std::move(last));
  {
    std::lock_guard lock(thread->mutex_);
    thread->closing_ = true;
  }
  thread->arrived_.notify_one();
  thread->thread_.join();
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

void ComputeThread::finish(const Ticket& job) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return job->state == Job::ended; });
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
  if (threads == threads_) return;
  if (of_device_) prepare_device_thread();
  else prepare_compute_thread(threads);
  threads_ = threads;
}

void ComputeThread::serve() {
  pthread_setname_np(pthread_self(), of_device_ ? "lrdist-device" : "lrdist-compute");
  for (;;) {
    Ticket job;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [&] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
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
