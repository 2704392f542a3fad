{
  "targets": [
    {
      "target_name": "lrdist",
      "type": "none",
      "actions": [
        {
          "action_name": "setup",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["native/build/Release/lrdist.node"],
          "action": ["node", "scripts/prepare.mjs", "native"],
          "message": "Building the native addon with CMake (output in native/build)"
        }
      ]
    }
  ]
}
