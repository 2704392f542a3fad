#include "fields.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <type_traits>

namespace lrdist {
namespace {

std::string shown(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.15g", number);
  return buffer;
}

std::string bound(double number) { return std::abs(number) > 1e300 ? (number < 0 ? "-infinity" : "infinity") : shown(number); }

const char* kind_of(napi_typedarray_type type) {
  static constexpr const char* names[] = {"an Int8Array",  "a Uint8Array",   "a Uint8ClampedArray", "an Int16Array",
                                          "a Uint16Array", "an Int32Array",  "a Uint32Array",       "a Float32Array",
                                          "a Float64Array", "a BigInt64Array", "a BigUint64Array"};
  const auto index = static_cast<size_t>(type);
  return index < std::size(names) ? names[index] : "another typed array";
}

std::string described(Napi::Value value) {
  switch (value.Type()) {
    case napi_undefined: return "nothing";
    case napi_null: return "null";
    case napi_boolean: return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number: return value.ToString().Utf8Value();
    case napi_string: {
      const std::string text = value.As<Napi::String>().Utf8Value();
      return text.size() <= 60 ? "'" + text + "'" : "a string of " + std::to_string(text.size()) + " bytes";
    }
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    default: break;
  }
  if (value.IsArray()) return "an array";
  if (value.IsTypedArray()) return kind_of(value.As<Napi::TypedArray>().TypedArrayType());
  return "an object";
}

template <class T>
constexpr napi_typedarray_type kind() {
  if constexpr (std::is_same_v<T, int32_t>) return napi_int32_array;
  if constexpr (std::is_same_v<T, uint8_t>) return napi_uint8_array;
  if constexpr (std::is_same_v<T, float>) return napi_float32_array;
  if constexpr (std::is_same_v<T, double>) return napi_float64_array;
}

}  // namespace

void refuse(const std::string& field, const std::string& expected) { throw Error("ERR_INVALID_OPTION", field + ": " + expected); }

void refuse(const std::string& field, const std::string& expected, Napi::Value received) {
  refuse(field, "expected " + expected + ", received " + described(received));
}

double number(Napi::Value value, const std::string& field, double low, double high, bool open) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!std::isfinite(number) || number < low || number > high || (open && number == high)) {
    refuse(field, "a number from " + bound(low) + (open ? " to below " : " to ") + bound(high), value);
  }
  return number;
}

int64_t integer(Napi::Value value, const std::string& field, int64_t low, int64_t high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || number != std::floor(number)) {
    refuse(field, "an integer from " + std::to_string(low) + " to " + std::to_string(high), value);
  }
  return static_cast<int64_t>(number);
}

std::string text(Napi::Value value, const std::string& field, size_t longest) {
  if (!value.IsString()) refuse(field, "a string", value);
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.empty() || text.size() > longest || text.find('\0') != std::string::npos) {
    refuse(field, "expected 1 to " + std::to_string(longest) + " bytes of text without a zero byte, received " + std::to_string(text.size()) + " bytes");
  }
  return text;
}

bool boolean(Napi::Value value, const std::string& field) {
  if (!value.IsBoolean()) refuse(field, "true or false", value);
  return value.As<Napi::Boolean>().Value();
}

template <class T>
std::vector<T> numbers(Napi::Value value, const std::string& field) {
  const std::string expected = kind_of(kind<T>());
  if (!value.IsTypedArray()) refuse(field, expected, value);
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  // No JavaScript runs between here and the copy, so the buffer cannot be detached meanwhile.
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) != napi_ok || type != kind<T>()) {
    refuse(field, expected, value);
  }
  if (length > static_cast<size_t>(max_int32)) refuse(field, "at most " + std::to_string(max_int32) + " numbers");
  std::vector<T> copy(data == nullptr ? 0 : length);
  if (!copy.empty()) std::memcpy(copy.data(), data, copy.size() * sizeof(T));
  return copy;
}

template std::vector<int32_t> numbers(Napi::Value, const std::string&);
template std::vector<uint8_t> numbers(Napi::Value, const std::string&);
template std::vector<float> numbers(Napi::Value, const std::string&);
template std::vector<double> numbers(Napi::Value, const std::string&);

Fields::Fields(Napi::Value value, std::string path) : path_(std::move(path)) {
  if (!value.IsObject() || value.IsFunction() || value.IsTypedArray()) refuse(path_, "an object", value);
  object_ = value.As<Napi::Object>();
}

Napi::Value Fields::get(const char* key) const { return object_.Get(key); }

}  // namespace lrdist
