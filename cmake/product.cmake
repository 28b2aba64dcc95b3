# What is installed: libsluice and libsluice-broker, each shared and static, made from the folders'
# objects.
#
# The shared ones export, and the static ones define, only names that begin with sluice_. For the
# static ones that takes a step of its own: the objects are joined into one, in which every name
# that no public header declares (they have hidden visibility) becomes local. One name is in both
# libraries though no header declares it: sluice_worlds, of which a process has one (runtime/).

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# From where a .pc file is installed back to the prefix: the tree can be moved.
file(RELATIVE_PATH product_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
set(product_version_script ${PROJECT_SOURCE_DIR}/cmake/exports.map)

# One library in both kinds: targets <target>_shared and <target>_static, file lib<file>.
function(product_library target file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "FOLDERS;SYSTEM_LIBS;NEEDS")
  set(objects)
  foreach(folder IN LISTS arg_FOLDERS)
    list(APPEND objects $<TARGET_OBJECTS:${folder}>)
  endforeach()

  add_library(${target}_shared SHARED ${objects})
  target_link_libraries(${target}_shared PRIVATE ${arg_SYSTEM_LIBS})
  target_link_options(${target}_shared PRIVATE
    LINKER:--version-script=${product_version_script} LINKER:--no-undefined LINKER:--as-needed)
  set_target_properties(${target}_shared PROPERTIES
    OUTPUT_NAME ${file} EXPORT_NAME ${file} LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION 0
    LINK_DEPENDS ${product_version_script})

  set(joined ${CMAKE_CURRENT_BINARY_DIR}/${file}-joined.o)
  set(localised ${CMAKE_CURRENT_BINARY_DIR}/${file}.o)
  add_custom_command(OUTPUT ${localised}
    COMMAND ${CMAKE_LINKER} -r -o ${joined} ${objects}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${joined} ${localised}
    DEPENDS ${arg_FOLDERS} ${objects} COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Joining lib${file}.a, with only its public names global")
  add_library(${target}_static STATIC ${localised})
  target_link_libraries(${target}_static INTERFACE ${arg_SYSTEM_LIBS} Threads::Threads)
  set_source_files_properties(${localised} PROPERTIES EXTERNAL_OBJECT true GENERATED true)
  set_target_properties(${target}_static PROPERTIES
    OUTPUT_NAME ${file} EXPORT_NAME ${file}-static LINKER_LANGUAGE C)

  foreach(kind shared static)
    target_include_directories(${target}_${kind} INTERFACE
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    foreach(need IN LISTS arg_NEEDS)
      target_link_libraries(${target}_${kind} PUBLIC ${need}_${kind})
    endforeach()
  endforeach()
  install(TARGETS ${target}_shared ${target}_static EXPORT sluice
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  configure_file(cmake/${file}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${file}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${file}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

product_library(sluice sluice
  FOLDERS sluice_actors sluice_protocol sluice_runtime
  SYSTEM_LIBS urcu-qsbr urcu-common isal z)
if(TARGET sluice_broker)
  product_library(sluice_test_broker sluice-broker
    FOLDERS sluice_broker sluice_protocol sluice_runtime
    SYSTEM_LIBS urcu-qsbr urcu-common isal z
    NEEDS sluice)
endif()

if(TARGET sluice_command)
  install(TARGETS sluice_command)
endif()
install(DIRECTORY include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
install(EXPORT sluice NAMESPACE sluice:: FILE sluice-targets.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
configure_package_config_file(cmake/sluice-config.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/sluice-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/sluice-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sluice-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/sluice-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
