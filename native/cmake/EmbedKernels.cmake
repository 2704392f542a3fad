# Writes the files of FOLDER (native/kernels/cuda) as strings into OUT, a C++ file.
#   cmake -DFOLDER=... -DOUT=... -P EmbedKernels.cmake
file(GLOB _files "${FOLDER}/*.h" "${FOLDER}/*.cuh" "${FOLDER}/*.cu")
list(SORT _files)
set(_text "#include \"core/cuda/kernel_source.h\"\n\nconst std::vector<lrdist::cuda::SourceFile> lrdist::cuda::kernel_files = {\n")
file(WRITE "${OUT}.tmp" "${_text}")
foreach(_file IN LISTS _files)
  get_filename_component(_name "${_file}" NAME)
  file(READ "${_file}" _text)
  file(APPEND "${OUT}.tmp" "{\"${_name}\", R\"lrdist(${_text})lrdist\"},\n")
endforeach()
file(APPEND "${OUT}.tmp" "};\n")
file(RENAME "${OUT}.tmp" "${OUT}")
