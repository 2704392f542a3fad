// The checked longjmp takes a jump to another stack for a mistake.
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 0

#include "fiber.h"

#include <sys/mman.h>
#include <unistd.h>

namespace lrdist::emulated {

namespace {
thread_local Fiber* entering = nullptr;
}

void Fiber::give_stack(char* stack, size_t bytes) {
  stack_ = stack;
  bytes_ = bytes;
  mprotect(stack, static_cast<size_t>(sysconf(_SC_PAGESIZE)), PROT_NONE);
}

void Fiber::start(Body body, void* context, unsigned index) {
  body_ = body;
  context_ = context;
  index_ = index;
  done_ = false;
}

void Fiber::enter() { entering->loop(); }

// Never left, so that the next body finds the stack ready and costs one jump.
void Fiber::loop() {
  for (;;) {
    body_(context_, index_);
    done_ = true;
    pause();
  }
}

void Fiber::resume() {
  if (_setjmp(caller_) != 0) return;
  if (begun_) _longjmp(own_, 1);
  begun_ = true;
  entering = this;
  getcontext(&first_);
  first_.uc_stack.ss_sp = stack_;
  first_.uc_stack.ss_size = bytes_;
  first_.uc_link = nullptr;
  makecontext(&first_, &Fiber::enter, 0);
  setcontext(&first_);
}

void Fiber::pause() {
  if (_setjmp(own_) == 0) _longjmp(caller_, 1);
}

}  // namespace lrdist::emulated
