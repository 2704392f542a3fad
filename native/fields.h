// Reads JavaScript values into C++ ones, one field at a time. Whatever JavaScript passes, the answer is a C++ value in range or an
// Error{"ERR_INVALID_OPTION"} that names the field, what was expected and what was received.
//
// Reading may run JavaScript (getters, proxies), which may call the session again: read everything first, then look at the session's state.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/engine.h"
#include "napi_setup.h"

namespace lrdist {

inline constexpr int64_t max_int32 = std::numeric_limits<int32_t>::max();
inline constexpr int64_t max_safe_integer = (int64_t{1} << 53) - 1;

[[noreturn]] void refuse(const std::string& field, const std::string& expected);
[[noreturn]] void refuse(const std::string& field, const std::string& expected, Napi::Value received);

int64_t integer(Napi::Value value, const std::string& field, int64_t low, int64_t high);
// Finite, low <= number <= high; with `open`, number < high.
double number(Napi::Value value, const std::string& field, double low, double high, bool open = false);
std::string text(Napi::Value value, const std::string& field, size_t longest);
bool boolean(Napi::Value value, const std::string& field);

// A copy of a typed array of exactly this kind: Int32Array, Uint8Array, Float32Array or Float64Array.
template <class T>
std::vector<T> numbers(Napi::Value value, const std::string& field);

template <class T>
using Choices = std::initializer_list<std::pair<const char*, T>>;

template <class T>
T choice(Napi::Value value, const std::string& field, Choices<T> choices) {
  std::string names;
  const std::string given = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  for (const auto& [name, meaning] : choices) {
    if (value.IsString() && given == name) return meaning;
    names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
  }
  refuse(field, (choices.size() == 1 ? "" : "one of ") + names, value);
}

// An options object and its place in the call, such as "segment.parts[3]".
class Fields {
 public:
  Fields(Napi::Value value, std::string path);

  Napi::Value get(const char* key) const;
  bool has(const char* key) const { return !get(key).IsUndefined(); }
  std::string path(const char* key) const { return path_ + "." + key; }

  Fields object(const char* key) const { return {get(key), path(key)}; }
  int64_t integer(const char* key, int64_t low, int64_t high) const { return lrdist::integer(get(key), path(key), low, high); }
  double number(const char* key, double low, double high, bool open = false) const {
    return lrdist::number(get(key), path(key), low, high, open);
  }
  std::string text(const char* key, size_t longest) const { return lrdist::text(get(key), path(key), longest); }
  bool boolean(const char* key) const { return lrdist::boolean(get(key), path(key)); }
  template <class T>
  T choice(const char* key, Choices<T> choices) const {
    return lrdist::choice<T>(get(key), path(key), choices);
  }
  template <class T>
  std::vector<T> numbers(const char* key) const {
    return lrdist::numbers<T>(get(key), path(key));
  }

 private:
  Napi::Object object_;
  std::string path_;
};

// An array of options objects, each read by `read(Fields)`.
template <class Read>
auto list(Napi::Value value, const std::string& field, Read read) {
  if (!value.IsArray()) refuse(field, "an array", value);
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<decltype(read(std::declval<Fields>()))> items;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    items.push_back(read(Fields(array.Get(i), field + "[" + std::to_string(i) + "]")));
  }
  return items;
}

}  // namespace lrdist
