// The compiled kernels in a file, so that the compiler runs once for a machine and version of lrdist.
#pragma once

#include <functional>
#include <string>

namespace lrdist::cuda {

// LRDIST_CACHE, else $XDG_CACHE_HOME/lrdist, else ~/.cache/lrdist; empty if there is none of them.
std::string cache_folder();

// The image kept under this key in folder/kernels, else what `make` returns, which is then kept. A file that is cut off or altered counts as not there; one
// that cannot be written is no error. The key is text of any length: source, options and versions.
std::string cached_image(const std::string& folder, const std::string& key, const std::function<std::string()>& make);

}  // namespace lrdist::cuda
