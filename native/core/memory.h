// How much memory there is and how much a step needs.
#pragma once

#include <string>

#include "layout.h"

namespace lrdist {

// Free bytes of this machine or container; -1 if unknown.
int64_t available_memory();

// Throws ERR_OUT_OF_MEMORY, naming `what`, if that many more bytes do not fit in this machine's memory.
void require_memory(int64_t bytes, const std::string& what);

// Bytes of activations for one replica's step over that many packed tokens.
int64_t activation_bytes(const Layout& layout, int64_t tokens, bool kept);

}  // namespace lrdist
