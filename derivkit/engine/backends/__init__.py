"""Where the model is called: this thread, threads, processes, executors, clusters."""
