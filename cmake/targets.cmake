# castiel_sync_library(<target> <export name> <sources...>): a library of this project with its include folders,
# warnings and export name.
function(castiel_sync_library target export_name)
  add_library(${target} ${ARGN})
  add_library(castiel_sync::${export_name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/lib)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # Asio in one mode everywhere: no deprecated names, no separate compilation left to chance.
  target_compile_definitions(${target} PUBLIC BOOST_ASIO_NO_DEPRECATED)
  castiel_sync_warnings(${target})
endfunction()

function(castiel_sync_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    -Wnon-virtual-dtor -Woverloaded-virtual)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 reports variants and optionals in coroutine frames as maybe uninitialised, and, once it inlines, overlaps
    # within std::string that can't be (its bug 105651).
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized $<$<NOT:$<CONFIG:Debug>>:-Wno-restrict>)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # libstdc++ 12's own stable_sort calls what it deprecates.
    target_compile_options(${target} PRIVATE -Wno-deprecated-declarations)
  endif()
  if(CASTIEL_SYNC_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# The headers that cost the most to parse, once for all targets of the product, which are compiled alike. Not in the
# build of a host, which has options of its own.
function(castiel_sync_share_options target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  if(CASTIEL_SYNC_FUZZ) # what is fuzzed tells the fuzzer which branches it took
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
if(PROJECT_IS_TOP_LEVEL)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cpp CONTENT "")
  add_library(castiel_sync_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(castiel_sync_precompiled PRIVATE Boost::headers Boost::json fmt::fmt)
  target_compile_features(castiel_sync_precompiled PRIVATE cxx_std_20)
  target_compile_definitions(castiel_sync_precompiled PRIVATE BOOST_ASIO_NO_DEPRECATED)
  castiel_sync_share_options(castiel_sync_precompiled)
  castiel_sync_warnings(castiel_sync_precompiled)
  target_precompile_headers(castiel_sync_precompiled PRIVATE <boost/asio/awaitable.hpp> <boost/json.hpp>
    <fmt/format.h> <chrono> <map> <memory> <optional> <string> <vector>)
endif()
function(castiel_sync_precompile target)
  if(PROJECT_IS_TOP_LEVEL)
    castiel_sync_share_options(${target})
    target_precompile_headers(${target} REUSE_FROM castiel_sync_precompiled)
  endif()
endfunction()

# For programs, never for libraries: their allocator is the host's choice. Two threads pass documents to each other, and
# the C library's allocator locks when one frees what the other has allocated.
function(castiel_sync_allocator target)
  if(CASTIEL_SYNC_MIMALLOC AND NOT CASTIEL_SYNC_SANITIZE)
    find_package(mimalloc REQUIRED)
    # Call it before other libraries are linked, so that its operator new is the one that is found.
    target_link_libraries(${target} PRIVATE -Wl,--push-state,--no-as-needed mimalloc -Wl,--pop-state)
  endif()
endfunction()
