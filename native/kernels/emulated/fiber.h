// A flow of control with a stack of its own, of which many run in turn on one thread. Switching takes no system call.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>

namespace lrdist::emulated {

class Fiber {
 public:
  using Body = void (*)(void* context, unsigned index);

  Fiber() = default;
  Fiber(const Fiber&) = delete;
  // The stack's lowest page is taken away, so that an overflow is a fault and not damage next door.
  void give_stack(char* stack, size_t bytes);

  // The next resume() starts body(context, index). The fiber must not be in the middle of another one, unless abandon() was called.
  void start(Body body, void* context, unsigned index);
  // Forgets what the fiber was doing, without unwinding its stack.
  void abandon() { begun_ = false; }
  // Runs the fiber until it pauses or its body returns.
  void resume();
  // Called by the body: goes back to where resume() was called.
  void pause();
  bool done() const { return done_; }

 private:
  static void enter();
  [[noreturn]] void loop();

  char* stack_ = nullptr;
  size_t bytes_ = 0;
  bool begun_ = false, done_ = true;
  Body body_ = nullptr;
  void* context_ = nullptr;
  unsigned index_ = 0;
  ucontext_t first_;
  jmp_buf own_, caller_;
};

}  // namespace lrdist::emulated
