// Which library multiplies which shape: read from text, or measured.
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <sstream>

#include "../kernels/kernels.h"
#include "matmul.h"

namespace lrdist {
namespace {

const std::pair<Library, const char*> library_names[] = {{Library::mkl, "mkl"}, {Library::onednn, "onednn"}, {Library::onednn_linear, "onednn-linear"}, {Library::own, "lrdist"}};
const std::pair<Form, const char*> form_names[] = {{Form::forward, "forward"}, {Form::input, "input"}, {Form::weight, "weight"}};

Error invalid(const std::string& text) {
  return {"ERR_INVALID_OPTION", "spec.matmul: expected auto, mkl, onednn or a choice taken from a record, received \"" + text + "\""};
}

template <class T, size_t N>
T named(const std::pair<T, const char*> (&names)[N], const std::string& name, const std::string& text) {
  for (const auto& [value, known] : names)
    if (name == known) return value;
  throw invalid(text);
}

template <class T, size_t N>
std::string name_of(const std::pair<T, const char*> (&names)[N], T value) {
  for (const auto& [known, name] : names)
    if (known == value) return name;
  return "";
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// Our kernels multiply by weights that fit the cache of a core; with larger ones the libraries are as fast.
bool own_can(int64_t n, int64_t k) { return kernels::has_linear() && n % 32 == 0 && k % 32 == 0; }
bool own_is_best(int64_t n, int64_t k) { return own_can(n, k) && n * k <= int64_t{1} << 16; }

// "forward/1152x384"
MatmulChoice::Key key_of(const std::string& item, const std::string& text) {
  const size_t slash = item.find('/'), x = item.find('x', slash == std::string::npos ? 0 : slash);
  if (slash == std::string::npos || x == std::string::npos) throw invalid(text);
  try {
    return {named(form_names, item.substr(0, slash), text), std::stoll(item.substr(slash + 1, x - slash - 1)), std::stoll(item.substr(x + 1))};
  } catch (const std::logic_error&) {
    throw invalid(text);
  }
}

MatmulChoice parse(const std::string& text) {
  const std::vector<std::string> parts = split(text, ';');
  if (parts.empty()) throw invalid(text);
  MatmulChoice choice{named(library_names, parts[0], text), {}};
  if (choice.library == Library::own) throw invalid(text);  // not for every shape
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t colon = parts[i].find(':');
    if (colon == std::string::npos) throw invalid(text);
    const Library library = named(library_names, parts[i].substr(0, colon), text);
    for (const std::string& item : split(parts[i].substr(colon + 1), ',')) choice.shapes[key_of(item, text)] = library;
  }
  return choice;
}

void require(const MatmulChoice& choice) {
  const std::vector<Library> here = libraries();
  const auto check = [&](Library library) {
    if (std::find(here.begin(), here.end(), library) == here.end())
      throw Error("ERR_INVALID_OPTION", "spec.matmul: this libtorch has no " + library_name(library) + " here; use mkl or auto");
  };
  check(choice.library);
  for (const auto& [key, library] : choice.shapes) {
    const auto [form, n, k] = key;
    if (library != Library::own) check(library);
    else if (!own_can(n, k)) throw Error("ERR_INVALID_OPTION", "spec.matmul: lrdist has no kernels for a weight of that shape here; use auto");
  }
}

// Seconds of one product of 512 rows; the first run sets the library up.
double seconds_of(Library library, Form form, int64_t n, int64_t k) {
  constexpr int64_t rows = 512;
  const at::Tensor a = at::ones({rows, form == Form::forward ? k : n});
  const at::Tensor b = form == Form::weight ? at::ones({rows, k}) : at::ones({n, k});
  double best = 1e9;
  for (int run = 0; run < 4; ++run) {
    const auto start = std::chrono::steady_clock::now();
    multiply(library, form, a, b);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (run > 0) best = std::min(best, seconds);
  }
  return best;
}

std::vector<std::pair<int64_t, int64_t>> shapes_of(const Layout& layout) {
  const int64_t h = layout.model.hidden, i = layout.model.intermediate;
  std::vector<std::pair<int64_t, int64_t>> shapes{{h, h}, {i, h}, {h, i}};
  if (layout.fused_qkv()) {
    shapes.push_back({3 * h, h});
    shapes.push_back({2 * h, h});
  }
  return shapes;
}

constexpr Form forms[] = {Form::forward, Form::input, Form::weight};

MatmulChoice fastest(const std::vector<std::pair<int64_t, int64_t>>& shapes) {
  const std::vector<Library> candidates = libraries();
  if (candidates.size() == 1) return {Library::mkl, {}};
  const Library other = candidates[1];  // oneDNN's function where there is one: the operator is slower
  // Where one library is clearly ahead in all three products there is nothing more to find out.
  int ahead = 0, behind = 0;
  for (const Form form : forms) {
    const double ratio = seconds_of(Library::mkl, form, 768, 384) / seconds_of(other, form, 768, 384);
    ahead += ratio > 1.25;
    behind += ratio < 0.8;
  }
  if (ahead == 3) return {other, {}};
  if (behind == 3) return {Library::mkl, {}};
  MatmulChoice choice{other, {}};
  for (const Form form : forms)
    for (const auto& [n, k] : shapes)
      if (seconds_of(Library::mkl, form, n, k) < seconds_of(other, form, n, k)) choice.shapes[{form, n, k}] = Library::mkl;
  return choice;
}

MatmulChoice fastest_or_mkl(const std::vector<std::pair<int64_t, int64_t>>& shapes) {
  try {
    return fastest(shapes);
  } catch (const c10::Error&) {
    return {Library::mkl, {}};  // oneDNN refuses this processor
  }
}

MatmulChoice choose(std::vector<std::pair<int64_t, int64_t>> shapes) {
  const auto small = std::partition(shapes.begin(), shapes.end(), [](const auto& shape) { return !own_is_best(shape.first, shape.second); });
  MatmulChoice choice = fastest_or_mkl({shapes.begin(), small});
  for (auto shape = small; shape != shapes.end(); ++shape)
    for (const Form form : forms) choice.shapes[{form, shape->first, shape->second}] = Library::own;
  return choice;
}

}  // namespace

std::string library_name(Library library) { return name_of(library_names, library); }

Library MatmulChoice::of(Form form, int64_t n, int64_t k) const {
  const auto found = shapes.find({form, n, k});
  return found == shapes.end() ? library : found->second;
}

std::string MatmulChoice::text() const {
  std::ostringstream text;
  text << library_name(library);
  for (const auto& [exception, name] : library_names) {
    const char* separator = ":";
    for (const auto& [key, other] : shapes) {
      if (other != exception) continue;
      const auto& [form, n, k] = key;
      if (*separator == ':') text << ';' << name;
      text << separator << name_of(form_names, form) << '/' << n << 'x' << k;
      separator = ",";
    }
  }
  return text.str();
}

MatmulChoice choose_matmul(const std::string& wanted, const Layout& layout) {
  if (wanted != "auto") {
    MatmulChoice choice = parse(wanted);
    require(choice);
    return choice;
  }
  static std::mutex mutex;
  static std::map<std::vector<std::pair<int64_t, int64_t>>, MatmulChoice> measured;
  const std::lock_guard lock(mutex);
  const c10::InferenceMode guard;
  const auto shapes = shapes_of(layout);
  const auto found = measured.find(shapes);
  return found != measured.end() ? found->second : measured.emplace(shapes, choose(shapes)).first->second;
}

}  // namespace lrdist
