// The only file that includes napi.h, so that these settings always come first.
#pragma once

#define NAPI_VERSION 9
#define NODE_ADDON_API_DISABLE_DEPRECATED
// Errors are C++ exceptions. _ALL is a safety net: an exception that slips past guarded() still becomes a JavaScript error.
#define NODE_ADDON_API_CPP_EXCEPTIONS
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
// Throwing into a worker thread that is being terminated is not an error.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS

#include <napi.h>
