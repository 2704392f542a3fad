{
  "targets": [
    {
      "target_name": "lrdist",
      "type": "none",
      "actions": [
        {
          "action_name": "setup",
          "message": "lrdist setup: CMake builds in native/build (in a fresh checkout, npm run build comes first)",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["native/build/Release/lrdist.node"],
          "action": ["node", "dist/cli/cli.js", "setup"]
        }
      ]
    }
  ]
}
