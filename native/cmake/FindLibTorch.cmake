# Imported targets from a libtorch folder (include/ and lib/), without TorchConfig: that one asks for the CUDA toolkit even to link.
#
# In:   LIBTORCH         folder; the environment variable of the same name if not set
#       LRDIST_CUDA      AUTO (link libtorch_cuda when it is there), ON or OFF
# Out:  LibTorch::cpu    headers, libc10, libtorch_cpu, libgomp (and libtorch_cuda)
#       LibTorch_VERSION, LibTorch_LIBRARY_DIR, LibTorch_CXX11_ABI, LibTorch_DEVICE (cpu or cuda)

if(NOT LIBTORCH AND DEFINED ENV{LIBTORCH})
  set(LIBTORCH "$ENV{LIBTORCH}")
endif()
set(_remedy "Set LIBTORCH to a folder with include/ and lib/, or run `lrdist setup`, which finds or obtains one.")
if(NOT LIBTORCH)
  message(FATAL_ERROR "No libtorch given. ${_remedy}")
endif()
get_filename_component(_root "${LIBTORCH}" ABSOLUTE)
set(LibTorch_LIBRARY_DIR "${_root}/lib")
set(_missing "")
foreach(_file include/ATen/ATen.h include/torch/csrc/api/include/torch/version.h lib/libc10.so lib/libtorch_cpu.so)
  if(NOT EXISTS "${_root}/${_file}")
    string(APPEND _missing " ${_file}")
  endif()
endforeach()
if(_missing)
  message(FATAL_ERROR "${_root} is not a whole libtorch; missing:${_missing}. ${_remedy}")
endif()

# Newer releases moved the numbers from torch/version.h to torch/headeronly/version.h.
set(LibTorch_VERSION "")
foreach(_header include/torch/headeronly/version.h include/torch/csrc/api/include/torch/version.h)
  if(NOT LibTorch_VERSION AND EXISTS "${_root}/${_header}")
    set(_parts "")
    foreach(_part MAJOR MINOR PATCH)
      file(STRINGS "${_root}/${_header}" _line REGEX "^#define TORCH_VERSION_${_part} +[0-9]+" LIMIT_COUNT 1)
      string(REGEX MATCH "[0-9]+$" _number "${_line}")
      list(APPEND _parts "${_number}")
    endforeach()
    string(REPLACE ";" "." LibTorch_VERSION "${_parts}")
  endif()
endforeach()

# Wheels before 2.7 were built with the old std::string; the mangled names in libc10 tell.
file(STRINGS "${LibTorch_LIBRARY_DIR}/libc10.so" _cxx11 REGEX "__cxx11" LIMIT_COUNT 1)
if(_cxx11)
  set(LibTorch_CXX11_ABI 1)
else()
  set(LibTorch_CXX11_ABI 0)
endif()

# One OpenMP runtime per process: the one beside libtorch, whose file name a wheel may have mangled.
file(GLOB _gomp "${LibTorch_LIBRARY_DIR}/libgomp*.so*" "${_root}/../torch.libs/libgomp*.so*")
if(_gomp)
  list(GET _gomp 0 _gomp)
else()
  set(_gomp "-lgomp")
endif()

if(NOT TARGET LibTorch::cpu)
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  set_property(TARGET LibTorch::cpu PROPERTY INTERFACE_SYSTEM_INCLUDE_DIRECTORIES
    "${_root}/include" "${_root}/include/torch/csrc/api/include")
  set_property(TARGET LibTorch::cpu PROPERTY INTERFACE_INCLUDE_DIRECTORIES
    "${_root}/include" "${_root}/include/torch/csrc/api/include")
  set_property(TARGET LibTorch::cpu PROPERTY INTERFACE_COMPILE_DEFINITIONS
    "AT_PER_OPERATOR_HEADERS;_GLIBCXX_USE_CXX11_ABI=${LibTorch_CXX11_ABI}")
  # DT_RPATH, not DT_RUNPATH: RUNPATH comes after LD_LIBRARY_PATH and would let another libtorch slip in.
  set_property(TARGET LibTorch::cpu PROPERTY INTERFACE_LINK_OPTIONS "-Wl,--disable-new-dtags")
  set(_libraries "${LibTorch_LIBRARY_DIR}/libtorch_cpu.so" "${LibTorch_LIBRARY_DIR}/libc10.so" "${_gomp}")
  set(LibTorch_DEVICE cpu)
  set(_cuda "${LibTorch_LIBRARY_DIR}/libtorch_cuda.so")
  if(NOT LRDIST_CUDA OR LRDIST_CUDA STREQUAL "AUTO")
    if(EXISTS "${_cuda}")
      set(LibTorch_DEVICE cuda)
    endif()
  elseif(LRDIST_CUDA)
    if(NOT EXISTS "${_cuda}")
      message(FATAL_ERROR "LRDIST_CUDA is ON, but ${_cuda} is not there.")
    endif()
    set(LibTorch_DEVICE cuda)
  endif()
  if(LibTorch_DEVICE STREQUAL "cuda")
    # Nothing refers to it by symbol: without --no-as-needed the linker drops it, and CUDA silently disappears.
    list(APPEND _libraries "-Wl,--no-as-needed,${_cuda},--as-needed" "${LibTorch_LIBRARY_DIR}/libc10_cuda.so")
  endif()
  set_property(TARGET LibTorch::cpu PROPERTY INTERFACE_LINK_LIBRARIES "${_libraries}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_LIBRARY_DIR LibTorch_VERSION VERSION_VAR LibTorch_VERSION)
