"""stub"""
def pull_mix(body, step): raise NotImplementedError
