def get_version():
    return "1.2.0.dev0"


def get_cmdclass():
    return {}
